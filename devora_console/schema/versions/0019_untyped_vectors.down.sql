-- what: back to vectors of 1536 dimensions with one index; vectors of other dimensions are lost

DO $body$
DECLARE
    place text;
    found record;
BEGIN
    SELECT quote_ident(n.nspname) INTO place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'vector';
    IF place IS NOT NULL THEN
        EXECUTE format('DROP FUNCTION IF EXISTS public.devora_search_semantic(
            %s.vector, text, text[], timestamptz, timestamptz, text, integer, boolean, integer, integer)', place);
    END IF;
    IF place IS NULL OR NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.embeddings')
                                       AND attname = 'embedding_vector' AND NOT attisdropped) THEN
        RETURN;
    END IF;
    FOR found IN SELECT c.relname FROM pg_class c
                  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'I'
                    AND c.relname ~ '^idx_embeddings_ann_[0-9a-f]{8}_[0-9]+(_p[0-9]+)?$' LOOP
        EXECUTE format('DROP INDEX public.%I', found.relname);
    END LOOP;
    EXECUTE format(
        'UPDATE public.embeddings SET embedding_vector = NULL
          WHERE embedding_vector IS NOT NULL AND %s.vector_dims(embedding_vector) <> 1536', place);
    EXECUTE format('ALTER TABLE public.embeddings ALTER COLUMN embedding_vector TYPE %s.vector(1536)', place);
    EXECUTE format('CREATE INDEX IF NOT EXISTS idx_embeddings_vector
        ON public.embeddings USING hnsw (embedding_vector %s.vector_cosine_ops)', place);
END
$body$;
DROP FUNCTION IF EXISTS devora_console.search_width(text, text, integer);
