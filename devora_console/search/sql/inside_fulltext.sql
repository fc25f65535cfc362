-- What public.devora_search_fulltext runs, for its plan: the function hides it.
SELECT d.entity_type, d.entity_id,
       ts_rank('{{0.3, 0.15, 0.6, 1.0}}', d.search_vector, {query}::tsquery, 1) AS score
  FROM public.search_documents d
 WHERE {conditions} AND d.search_vector @@ {query}::tsquery
 ORDER BY score DESC, d.entity_type, d.entity_id
 LIMIT {most}
