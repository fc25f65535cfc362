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

-- How many vectors of the model the scope holds, as the planner reckons, and how widely to walk the index for them.
-- The more vectors a user has, the more of the graph has to be seen for the same recall: ef_search is what a user of few
-- needs, and one is added for every 220 vectors, up to 1000. Where vectors lie together by conversation 200 find all;
-- where they are scattered it takes more: of the ten nearest among 70,000 and 180,000 vectors 200 find 0.93 and 0.76
-- (6 and 8 ms), 400 0.98 and 0.87, 600 0.99 and 0.91, 800 1.00 and 0.93, 1000 0.94 of those of 180,000 (25 ms).
-- Over all users the graph of every partition is walked, each for its part of what is found: a fourth is enough.
-- (VOLATILE only because no other function may EXPLAIN.)
CREATE FUNCTION devora_console.search_width(
    scope text, model text, ef_search integer, OUT vectors bigint, OUT width integer)
    LANGUAGE plpgsql VOLATILE
AS $body$
DECLARE
    plan json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM public.embeddings e WHERE %s AND e.model_name = %L', scope, model)
       INTO plan;
    vectors := (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric;
    width := least(CASE WHEN scope = 'true' THEN ef_search / 4 ELSE ef_search + vectors / 220 END, 1000);
END
$body$;

-- The nearest documents to a vector, nearest first; score is the cosine similarity of their nearest chunk.
-- A function, because a policy hides from the planner whose rows these are: it would take one and the same plan for
-- users of nine rows and of a million. Up to exact_rows vectors of the user are all compared, which is exact and takes
-- less time than a walk through a graph that holds mostly others' vectors; beyond that the index is walked until
-- enough vectors of the user are found (iterative scan in strict order: it never returns fewer while there are more).
-- exactly compares all of them in any case.
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
    filters text := devora_console.search_filter(kinds, since, until, language);
BEGIN
    IF query IS NULL OR model IS NULL OR %1$s.vector_norm(query) = 0 THEN
        RETURN;
    END IF;
    -- Over 2,000 dimensions an index takes half-precision numbers only.
    spot := format('e.embedding_vector::%1$s.%%s(%%s)',
                   CASE WHEN %1$s.vector_dims(query) > 2000 THEN 'halfvec' ELSE 'vector' END, %1$s.vector_dims(query));
    IF NOT exactly THEN
        SELECT w.vectors, w.width INTO vectors, ef_search
          FROM devora_console.search_width(replace(scope, 'd.user_id', 'e.user_id'), model, coalesce(ef_search, 200)) w;
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
            set_config('hnsw.ef_search', least(greatest(ef_search, most, 10), 1000)::text, true),
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
