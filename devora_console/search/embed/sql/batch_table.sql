-- Where a batch of vectors arrives before it is checked against the documents.
CREATE TEMPORARY TABLE embed_batch (
    user_id uuid NOT NULL, entity_type text NOT NULL, entity_id uuid NOT NULL, content_hash text NOT NULL,
    chunk integer NOT NULL, chunks integer NOT NULL, text_content text NOT NULL, embedding_vector vector NOT NULL
) ON COMMIT DELETE ROWS
