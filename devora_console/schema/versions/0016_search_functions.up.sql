-- what: the vocabulary of the documents, and full text search that uses its index under row security
-- requires: nothing
-- transaction: yes
--
-- The functions run as the owner and put the user into the statement as a constant: the planner then reads one
-- partition, knows how many rows the user has, and takes the text index for large users and the primary key for small
-- ones. Who asks is not for the caller to say: see devora_console.search_scope.

-- Which documents d the caller may find, as a condition in SQL. As under row security: those of app.user_id. Nobody's
-- when that is not set, or all when the caller is an administrator or has the rights of the owner.
CREATE FUNCTION devora_console.search_scope() RETURNS text
    LANGUAGE plpgsql STABLE
AS $body$
DECLARE
    asked  uuid := nullif(current_setting('app.user_id', true), '')::uuid;
    -- Inside a function that runs as its owner these two still tell who called.
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    IF asked IS NOT NULL THEN
        RETURN format('d.user_id = %L', asked);
    ELSIF pg_has_role(caller, current_user, 'USAGE') OR pg_has_role(caller, 'admin_role', 'USAGE')
          OR (SELECT r.rolbypassrls FROM pg_roles r WHERE r.rolname = caller) THEN
        RETURN 'true';
    END IF;
    RETURN 'false';
END
$body$;

-- Conditions on kind, date and language. NULL: no such condition.
CREATE FUNCTION devora_console.search_filter(kinds text[], since timestamptz, until timestamptz, language text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
AS $body$
    SELECT concat_ws(' AND ', 'true',
        CASE WHEN kinds IS NOT NULL THEN format('d.entity_type = ANY (%L)', kinds) END,
        CASE WHEN since IS NOT NULL THEN format('d.happened_at >= %L', since) END,
        CASE WHEN until IS NOT NULL THEN format('d.happened_at < %L', until) END,
        CASE WHEN language IS NOT NULL THEN format('d.language = %L', language) END)
$body$;

-- Lexemes of the documents, folded, and in how many documents each is; refreshed from time to time. Long ones are left
-- out, and of many documents the words of one only (half of all words, mostly numbers and typing errors). The empty
-- word stands for all documents.
CREATE TABLE public.search_vocabulary (
    word      text   NOT NULL,
    documents bigint NOT NULL,
    CONSTRAINT search_vocabulary_pkey PRIMARY KEY (word)
);
COMMENT ON TABLE public.search_vocabulary IS 'Lexemes of all search documents, without accents; for typing errors and for words that are too common';

CREATE FUNCTION public.devora_refresh_vocabulary() RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off
AS $body$
DECLARE
    words bigint;
    few   boolean := (SELECT count(*) <= 100000 FROM (SELECT FROM public.search_documents LIMIT 100001) AS some_of_them);
BEGIN
    LOCK TABLE public.search_vocabulary IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM public.search_vocabulary;
    INSERT INTO public.search_vocabulary (word, documents)
    SELECT public.devora_fold(s.word), max(s.ndoc)
      FROM ts_stat('SELECT search_vector FROM public.search_documents') s
     WHERE (s.ndoc > 1 OR few) AND char_length(s.word) BETWEEN 2 AND 40
     GROUP BY 1;
    GET DIAGNOSTICS words = ROW_COUNT;
    INSERT INTO public.search_vocabulary (word, documents) SELECT '', count(*) FROM public.search_documents;
    RETURN words;
END
$body$;
REVOKE EXECUTE ON FUNCTION public.devora_refresh_vocabulary() FROM PUBLIC;

-- About how many documents the scope holds, as the planner reckons, which takes a fraction of a millisecond; and for
-- one user the partition, whose statistics tell what is common for this user.
-- (VOLATILE only because no other function may EXPLAIN.)
CREATE FUNCTION devora_console.search_size(scope text, OUT documents bigint, OUT partition text)
    LANGUAGE plpgsql VOLATILE
AS $body$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT FROM public.search_documents d WHERE ' || scope INTO plan;
    documents := (plan -> 0 -> 'Plan' ->> 'Plan Rows')::numeric::bigint;
    partition := plan -> 0 -> 'Plan' ->> 'Relation Name';
END
$body$;

-- The best documents for a query, best first. Ranking looks at every match, some 4 µs each: of more than 5,000 matches
-- those are ranked that come first. devora_search_words tells which words to leave out to have fewer.
-- A query without a word that must be there (only negations) finds nothing: it would match nearly everything.
CREATE FUNCTION public.devora_search_fulltext(
    query tsquery, kinds text[] DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    language text DEFAULT NULL, most integer DEFAULT 50)
    RETURNS TABLE (entity_type text, entity_id uuid, score real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off
AS $body$
BEGIN
    IF query IS NULL OR querytree(query) IN ('', 'T') THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT m.entity_type, m.entity_id,
                ts_rank(''{0.3, 0.15, 0.6, 1.0}'', m.search_vector, %3$L::tsquery, 1) AS score
           FROM (SELECT d.entity_type, d.entity_id, d.search_vector
                   FROM public.search_documents d
                  WHERE %1$s AND %2$s AND d.search_vector @@ %3$L::tsquery
                  LIMIT 5000) m
          ORDER BY score DESC, m.entity_type, m.entity_id
          LIMIT %4$s',
        devora_console.search_scope(), devora_console.search_filter(kinds, since, until, language), query,
        greatest(most, 0));
END
$body$;
REVOKE EXECUTE ON FUNCTION public.devora_search_fulltext(tsquery, text[], timestamptz, timestamptz, text, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.devora_search_fulltext(tsquery, text[], timestamptz, timestamptz, text, integer)
    TO app_user, admin_role;

ALTER TABLE public.search_vocabulary ENABLE ROW LEVEL SECURITY;
-- Nobody but the owner and administrators reads the words of all users; the functions give each user's own.
CREATE POLICY admin_full_access_search_vocabulary ON public.search_vocabulary FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
GRANT SELECT ON public.search_vocabulary TO admin_role;
