-- Documents behind $2 to $4 whose vector of model $1 is missing or stale, that have not failed with the same text and
-- that nobody works at. {documents} and {embeddings} are partitions of the same users.
SELECT d.user_id, d.entity_type, d.entity_id
  FROM {documents} d
 WHERE (d.user_id, d.entity_type, d.entity_id) > ($2::uuid, $3::text, $4::uuid)
   AND NOT EXISTS (
       SELECT FROM {embeddings} e
        WHERE e.user_id = d.user_id AND e.entity_type = d.entity_type AND e.entity_id = d.entity_id
          AND e.model_name = $1 AND e.content_hash = d.content_hash AND e.embedding_vector IS NOT NULL)
   AND NOT EXISTS (
       SELECT FROM devora_console.embedding_failure f
        WHERE f.model_name = $1 AND f.user_id = d.user_id AND f.entity_type = d.entity_type
          AND f.entity_id = d.entity_id AND f.content_hash = d.content_hash)
   AND NOT EXISTS (
       SELECT FROM devora_console.embedding_claim c
        WHERE c.model_name = $1 AND c.user_id = d.user_id AND c.entity_type = d.entity_type
          AND c.entity_id = d.entity_id AND c.until > now())
 ORDER BY d.user_id, d.entity_type, d.entity_id
 LIMIT $5
