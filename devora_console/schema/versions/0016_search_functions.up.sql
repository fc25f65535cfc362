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

-- What a person typed as three queries, to be asked one after the other until there are enough documents: all_words
-- must all be there; any_words looks for the words that tell documents apart, rarest first; loose_words for any word.
-- A question of ten words has no document with all of them, and ranking looks at every match: words in more than a
-- tenth of the documents are left out of any_words, and so are those beyond some 2,500 matches, but one known word stays
-- in any case. How often a word is in the documents of the asker is reckoned by the vocabulary, and for those who have
-- much by the statistics of their partition: a large user's favourite words may be rare elsewhere.
-- Words that no document has are typing errors: similar words that documents of the asker do have stand in for them
-- (this takes version 17). Negated words stay negated. words tells of each: lexeme, documents that have it (null: none,
-- or one), use (asked, common or crowded) and corrections.
CREATE FUNCTION public.devora_search_query(typed text)
    RETURNS TABLE (all_words tsquery, any_words tsquery, words jsonb, loose_words tsquery)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp SET jit = off
AS $body$
DECLARE
    quoted   constant text := $q$'(?:[^']|'')*'$q$;
    scope    text := devora_console.search_scope();
    total    bigint;
    share    double precision;
    size     record;
    negative text;
    known    boolean := to_regprocedure('devora_console.search_corrections(text,text)') IS NOT NULL;
    part     record;
    instead  text[];
    choice   text;
    use      text;
    wanted   text[] := '{}';
    every    text[] := '{}';
    told     jsonb := '[]';
    matches  double precision := 0;
    tried    integer := 0;
    kept     integer := 0;
BEGIN
    all_words := public.devora_query(left(typed, 10000));
    SELECT v.documents INTO total FROM public.search_vocabulary v WHERE v.word = '';
    -- Without a vocabulary nothing is known to be common.
    size := devora_console.search_size(scope);
    share := CASE WHEN total > 0 THEN size.documents::double precision / total ELSE 0 END;
    SELECT string_agg(m[1], ' & ') INTO negative
      FROM regexp_matches(all_words::text, format('(!\s*(?:\([^()]*\)|%s))', quoted), 'g') AS m;
    FOR part IN
        SELECT found.written, found.lexeme, v.documents,
               greatest(v.documents * share, often.part * size.documents, 1) AS expected
          FROM (SELECT m[1] AS written, (tsvector_to_array(m[1]::tsvector))[1] AS lexeme,
                       min(place) AS place
                  FROM regexp_matches(regexp_replace(all_words::text, format('!\s*(?:\([^()]*\)|%s)', quoted),
                                                     '', 'g'),
                                      format('(%s)', quoted), 'g') WITH ORDINALITY AS r (m, place)
                 GROUP BY 1) found
          LEFT JOIN public.search_vocabulary v ON v.word = public.devora_fold(found.lexeme)
          LEFT JOIN LATERAL (
              SELECT e.lexeme, max(e.part) AS part
                FROM pg_stats p
               CROSS JOIN unnest(p.most_common_elems::text::text[], p.most_common_elem_freqs) AS e (lexeme, part)
               WHERE size.documents > 2500 AND p.schemaname = 'devora_console' AND p.tablename = size.partition
                 AND p.attname = 'search_vector' AND e.lexeme IS NOT NULL
               GROUP BY e.lexeme) often USING (lexeme)
         ORDER BY v.documents IS NOT NULL, expected, found.place
    LOOP
        instead := '{}';
        IF part.documents IS NULL AND known AND total > 0 AND tried < 4 AND char_length(part.lexeme) >= 4
           AND part.lexeme !~ '[0-9]' THEN
            tried := tried + 1;
            instead := devora_console.search_corrections(part.lexeme, scope);
        END IF;
        matches := matches + part.expected;
        use := CASE WHEN part.documents IS NULL
                    THEN CASE WHEN cardinality(wanted) < 12 THEN 'asked' ELSE 'crowded' END
                    WHEN kept = 0 THEN 'asked'
                    WHEN part.documents > total / 10 OR part.expected > size.documents / 10.0 THEN 'common'
                    WHEN matches > 2500 OR cardinality(wanted) >= 24 THEN 'crowded'
                    ELSE 'asked' END;
        choice := part.written;
        FOR corrected IN 1 .. cardinality(instead) LOOP
            choice := choice || ' | ' || quote_literal(instead[corrected]);
        END LOOP;
        every := every || choice;
        IF use = 'asked' THEN
            wanted := wanted || choice;
            kept := kept + (part.documents IS NOT NULL)::integer;
        END IF;
        IF choice <> part.written THEN
            all_words := ts_rewrite(all_words, part.written::tsquery, choice::tsquery);
        END IF;
        told := told || jsonb_build_object('lexeme', part.lexeme, 'documents', part.documents, 'use', use,
                                           'corrections', to_jsonb(instead));
    END LOOP;
    words := told;
    IF cardinality(wanted) = 0 THEN
        any_words := all_words;  -- nothing, or only negations
        loose_words := all_words;
        RETURN NEXT;
        RETURN;
    END IF;
    any_words := array_to_string(wanted, ' | ')::tsquery;
    loose_words := array_to_string(every, ' | ')::tsquery;
    IF negative IS NOT NULL THEN
        any_words := any_words && negative::tsquery;
        loose_words := loose_words && negative::tsquery;
    END IF;
    RETURN NEXT;
END
$body$;
REVOKE EXECUTE ON FUNCTION public.devora_search_query(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.devora_search_query(text) TO app_user, admin_role;

-- The best documents for a query, best first. Ranking looks at every match, some 4 µs each: of more than 5,000 matches
-- those are ranked that come first, which no query of devora_search_query but a loose one is likely to have.
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
