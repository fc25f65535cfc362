-- The vectors of the batch whose documents are still what was embedded. Others stay stale.
WITH written AS (
    INSERT INTO {embeddings} AS e
           (user_id, entity_type, entity_id, chunk, text_content, content_hash, model_name, embedding_vector)
    SELECT b.user_id, b.entity_type, b.entity_id, b.chunk, b.text_content, b.content_hash, $1, b.embedding_vector
      FROM embed_batch b
      JOIN {documents} d USING (user_id, entity_type, entity_id)
     WHERE d.content_hash = b.content_hash
        ON CONFLICT (user_id, entity_type, entity_id, model_name, chunk) DO UPDATE
       SET text_content = excluded.text_content, content_hash = excluded.content_hash,
           embedding_vector = excluded.embedding_vector, updated_at = now()
    RETURNING e.chunk
)
SELECT count(*) FILTER (WHERE chunk = 0) AS documents, count(*) AS vectors FROM written
