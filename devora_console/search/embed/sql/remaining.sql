-- How many documents are left to embed for model $1, besides those that failed with the text they have.
SELECT count(*)
  FROM {documents} d
 WHERE NOT EXISTS (
       SELECT FROM {embeddings} e
        WHERE e.user_id = d.user_id AND e.entity_type = d.entity_type AND e.entity_id = d.entity_id
          AND e.model_name = $1 AND e.content_hash = d.content_hash AND e.embedding_vector IS NOT NULL)
   AND NOT EXISTS (
       SELECT FROM devora_console.embedding_failure f
        WHERE f.model_name = $1 AND f.user_id = d.user_id AND f.entity_type = d.entity_type
          AND f.entity_id = d.entity_id AND f.content_hash = d.content_hash)
