-- what: vectors of any model and dimension, each with an index of its own
-- requires: extension vector
-- transaction: yes
--
-- The column takes vectors of every dimension; model_name tells them apart, and no search mixes models. An index
-- needs one dimension and should hold one model: `devora-console embed run` makes it when the vectors are there,
-- idx_embeddings_ann_<model>_<dimensions>, partial and on the vector cast to its dimensions.

DROP INDEX IF EXISTS public.idx_embeddings_vector;
DO $body$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'vector';
    EXECUTE format('ALTER TABLE public.embeddings ALTER COLUMN embedding_vector TYPE %s.vector', place);
END
$body$;
