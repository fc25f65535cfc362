-- What public.devora_search_trigram runs, for its plan: the function hides it.
SELECT d.entity_type, d.entity_id, {place}.word_similarity({words}, public.devora_fold(d.title)) AS score
  FROM public.search_documents d
 WHERE {conditions} AND d.entity_type <> 'message'
   AND {words} OPERATOR({place}.<%) public.devora_fold(d.title)
 ORDER BY score DESC, d.entity_type, d.entity_id
 LIMIT {most}
