-- What public.devora_search_trigram runs, for its plan: the function hides it. It takes the five rarest words.
SELECT found.entity_type, found.entity_id, (sum(found.likeness) / {words})::real AS score
  FROM ({scans}) AS found
 GROUP BY found.entity_type, found.entity_id
 ORDER BY score DESC, found.entity_type, found.entity_id
 LIMIT {most}
