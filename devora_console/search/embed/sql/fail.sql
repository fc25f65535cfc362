-- Documents that cannot be embedded, with the reason and the hash of the text that failed.
INSERT INTO devora_console.embedding_failure AS f
       (model_name, user_id, entity_type, entity_id, content_hash, reason)
SELECT $1, k.user_id, k.entity_type, k.entity_id, k.content_hash, k.reason
  FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[])
       AS k (user_id, entity_type, entity_id, content_hash, reason)
    ON CONFLICT (model_name, user_id, entity_type, entity_id) DO UPDATE
   SET content_hash = excluded.content_hash, reason = excluded.reason, at = now(),
       attempts = CASE WHEN f.content_hash = excluded.content_hash THEN f.attempts + 1 ELSE 1 END
