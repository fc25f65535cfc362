-- what: removes every vector of the embeddings; the extension stays

DROP INDEX IF EXISTS public.idx_embeddings_vector;
ALTER TABLE IF EXISTS public.embeddings DROP COLUMN IF EXISTS embedding_vector;
