-- What public.devora_search_semantic runs, for its plan: the function hides it.
SELECT d.entity_type, d.entity_id, e.chunk, ({spot} {nearer} {vector}) {exactly} AS distance
  FROM public.embeddings e
  JOIN public.search_documents d
    ON d.user_id = e.user_id AND d.entity_type = e.entity_type AND d.entity_id = e.entity_id
 WHERE {conditions} AND {whose} AND e.model_name = {model}
 ORDER BY ({spot} {nearer} {vector}) {exactly}
 LIMIT {most}
