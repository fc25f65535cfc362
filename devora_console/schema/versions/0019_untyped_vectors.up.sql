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

-- The nearest documents to a vector, nearest first; score is the cosine similarity of their nearest chunk.
-- A function, because a policy hides from the planner whose rows these are: it would take one and the same plan for
-- users of nine rows and of a million. Up to exact_rows vectors of the user are all compared, which is exact and takes
-- less time than a walk through a graph that holds mostly others' vectors; beyond that the index is walked until
-- enough vectors of the user are found (iterative scan in strict order: it never returns fewer while there are more).
-- exactly compares all of them in any case. The more vectors a user has, the more of the graph has to be seen for the
-- same recall: ef_search grows with them unless it is given.
DO $create$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'vector';
    EXECUTE format($function$
CREATE FUNCTION public.devora_search_semantic(
    query %1$s.vector, model text, kinds text[] DEFAULT NULL, since timestamptz DEFAULT NULL,
    until timestamptz DEFAULT NULL, language text DEFAULT NULL, most integer DEFAULT 50,
    exactly boolean DEFAULT false, ef_search integer DEFAULT NULL, exact_rows integer DEFAULT 10000)
    RETURNS TABLE (entity_type text, entity_id uuid, score real, chunk integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 50
    SET search_path = pg_catalog, pg_temp SET jit = off SET max_parallel_workers_per_gather = 0
AS $body$
DECLARE
    scope   text := devora_console.search_scope();
    spot    text;
    vectors bigint;
    plan    json;
    filters text := devora_console.search_filter(kinds, since, until, language);
BEGIN
    IF query IS NULL OR model IS NULL OR %1$s.vector_norm(query) = 0 THEN
        RETURN;
    END IF;
    -- Over 2,000 dimensions an index takes half-precision numbers only.
    spot := format('e.embedding_vector::%1$s.%%s(%%s)',
                   CASE WHEN %1$s.vector_dims(query) > 2000 THEN 'halfvec' ELSE 'vector' END, %1$s.vector_dims(query));
    IF NOT exactly THEN
        EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM public.embeddings e WHERE %%s AND e.model_name = %%L',
                       replace(scope, 'd.user_id', 'e.user_id'), model) INTO plan;
        vectors := (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric;
        ef_search := coalesce(ef_search, 200 + vectors / 800);
        -- Counted only where it is a close thing: counting takes 2 ms.
        IF vectors <= 4 * exact_rows::bigint THEN
            EXECUTE format('SELECT count(*) FROM (SELECT FROM public.embeddings e
                                                   WHERE %%s AND e.model_name = %%L LIMIT %%s) s',
                           replace(scope, 'd.user_id', 'e.user_id'), model, exact_rows + 1) INTO vectors;
        END IF;
        exactly := vectors <= exact_rows;
    END IF;
    PERFORM set_config('hnsw.iterative_scan', 'strict_order', true),
            set_config('hnsw.max_scan_tuples', '400000', true),
            set_config('hnsw.ef_search', least(greatest(coalesce(ef_search, 200), most, 10), 800)::text, true),
            -- The index gives the order; joined with the documents by key, it stays.
            set_config('enable_sort', CASE WHEN exactly THEN 'on' ELSE 'off' END, true),
            set_config('enable_hashjoin', CASE WHEN exactly THEN 'on' ELSE 'off' END, true),
            set_config('enable_mergejoin', CASE WHEN exactly THEN 'on' ELSE 'off' END, true);
    RETURN QUERY EXECUTE format(
        'SELECT n.entity_type, n.entity_id, (1 - n.distance)::real, n.chunk
           FROM (SELECT DISTINCT ON (c.entity_type, c.entity_id) c.*
                   FROM (SELECT d.entity_type, d.entity_id, e.chunk,
                                (%%1$s OPERATOR(%1$s.<=>) %%2$L) %%3$s AS distance
                           FROM public.embeddings e
                           JOIN public.search_documents d
                             ON d.user_id = e.user_id AND d.entity_type = e.entity_type AND d.entity_id = e.entity_id
                          WHERE %%4$s AND %%5$s AND e.model_name = %%6$L AND %%7$s
                          ORDER BY (%%1$s OPERATOR(%1$s.<=>) %%2$L) %%3$s
                          LIMIT %%8$s) c
                  ORDER BY c.entity_type, c.entity_id, c.distance) n
          ORDER BY n.distance, n.entity_type, n.entity_id
          LIMIT %%9$s',
        spot, query::text, CASE WHEN exactly THEN '+ 0' ELSE '' END, scope, replace(scope, 'd.user_id', 'e.user_id'),
        model, filters, 2 * greatest(most, 0), greatest(most, 0));
END
$body$ $function$, place);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION public.devora_search_semantic(
        %s.vector, text, text[], timestamptz, timestamptz, text, integer, boolean, integer, integer)
        FROM PUBLIC', place);
    EXECUTE format('GRANT EXECUTE ON FUNCTION public.devora_search_semantic(
        %s.vector, text, text[], timestamptz, timestamptz, text, integer, boolean, integer, integer)
        TO app_user, admin_role', place);
END
$create$;
