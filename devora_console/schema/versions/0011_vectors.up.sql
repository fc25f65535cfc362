-- what: embeddings get their vector and an index for nearest neighbours
-- requires: extension vector
-- transaction: yes
--
-- 1536 dimensions, as the guide's model gives; a shorter vector padded with zeros keeps its cosine distances.

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

DO $body$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'vector';
    EXECUTE format('ALTER TABLE public.embeddings ADD COLUMN embedding_vector %s.vector(1536)', place);
    EXECUTE format('CREATE INDEX idx_embeddings_vector
        ON public.embeddings USING hnsw (embedding_vector %s.vector_cosine_ops)', place);
END
$body$;
