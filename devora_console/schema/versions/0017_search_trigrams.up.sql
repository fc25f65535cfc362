-- what: searches with typing errors: over titles and names, and corrections out of the vocabulary
-- requires: extension pg_trgm
-- transaction: yes

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

DO $body$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX idx_search_documents_title_trgm
        ON public.search_documents USING gin (folded_title %s.gin_trgm_ops)
        WHERE entity_type <> ''message''', place);
    EXECUTE format('CREATE INDEX idx_search_vocabulary_word_trgm
        ON public.search_vocabulary USING gin (word %s.gin_trgm_ops)', place);
END
$body$;

-- Documents whose title or name holds words like those asked for, best first; score is the mean over the words of their
-- word similarity, where it is at least threshold. Word by word, because a sentence of twenty words is like no title.
-- Of more than five words those count that are in the fewest documents: what nobody else has written is what was
-- misspelt. Words of one or two letters have no trigram that an index could be asked for.
-- score_from: documents below it are not wanted. To reach 0.5 a title must be like three of five words, so like one of
-- any three: the index is asked for the three rarest only, and what is like too few is not scored. (A comparison takes
-- some 6 µs, and a word has hundreds of candidates among the titles of a large user.)
CREATE FUNCTION public.devora_search_trigram(
    words text, kinds text[] DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    language text DEFAULT NULL, threshold real DEFAULT 0.5, most integer DEFAULT 50, score_from real DEFAULT 0)
    RETURNS TABLE (entity_type text, entity_id uuid, score real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off
AS $body$
DECLARE
    wanted text[];
    needed integer;
    rare   text[];
    place  text;
    scans  text;
    scope  text := devora_console.search_scope();
BEGIN
    SELECT array_agg(chosen.word) INTO wanted
      FROM (SELECT w.word
              FROM (SELECT DISTINCT left(part, 60) AS word
                      FROM regexp_split_to_table(public.devora_fold(left(words, 10000)), '[^[:alnum:]]+') AS part
                     WHERE char_length(part) >= 3) w
             CROSS JOIN LATERAL (SELECT (tsvector_to_array(to_tsvector('public.devora_french', w.word)))[1] AS lexeme) l
              LEFT JOIN public.search_vocabulary v ON v.word = l.lexeme
             WHERE l.lexeme IS NOT NULL
             ORDER BY coalesce(v.documents, 0), char_length(w.word) DESC, w.word
             LIMIT 5) chosen;
    IF wanted IS NULL THEN
        RETURN;
    END IF;
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    PERFORM set_config('pg_trgm.word_similarity_threshold', greatest(least(threshold, 1), 0.1)::text, true);
    -- No word counts more than 1. The subtraction is for what a real number cannot hold.
    needed := least(greatest(ceil(score_from * cardinality(wanted) - 0.001), 1), cardinality(wanted));
    rare := wanted[: cardinality(wanted) - needed + 1];
    -- One scan of the index per word: with OR every title would be compared with every word.
    SELECT string_agg(format(
               'SELECT d.entity_type, d.entity_id, d.folded_title%s
                  FROM public.search_documents d
                 WHERE %s AND %s AND d.entity_type <> ''message'' AND %L OPERATOR(%s.<%%) d.folded_title',
               CASE WHEN needed = 1 THEN format(', %s.word_similarity(%L, d.folded_title) AS likeness', place, word) END,
               scope, devora_console.search_filter(kinds, since, until, language), word, place), ' UNION ALL ')
      INTO scans FROM unnest(rare) AS word;
    RETURN QUERY EXECUTE format(CASE WHEN needed = 1 THEN
        'SELECT found.entity_type, found.entity_id, (sum(found.likeness) / %3$s)::real AS score
           FROM (%1$s) found
          GROUP BY found.entity_type, found.entity_id
         HAVING sum(found.likeness) / %3$s >= %6$L
          ORDER BY score DESC, found.entity_type, found.entity_id
          LIMIT %2$s'
    ELSE
        'SELECT alike.entity_type, alike.entity_id, s.score
           FROM (SELECT found.entity_type, found.entity_id, found.folded_title, count(*) AS words
                   FROM (%1$s) found
                  GROUP BY found.entity_type, found.entity_id, found.folded_title) alike
          CROSS JOIN LATERAL (
                SELECT (sum(%4$s.word_similarity(w.word, alike.folded_title)) / %3$s)::real AS score
                  FROM unnest($1) AS w(word) WHERE w.word OPERATOR(%4$s.<%%) alike.folded_title) s
          WHERE alike.words + (SELECT count(*) FROM unnest($2) AS w(word)
                                WHERE w.word OPERATOR(%4$s.<%%) alike.folded_title) >= %5$s
            AND s.score >= %6$L
          ORDER BY s.score DESC, alike.entity_type, alike.entity_id
          LIMIT %2$s'
    END, scans, greatest(most, 0), cardinality(wanted), place, needed, score_from)
    USING wanted, wanted[cardinality(rare) + 1 :];
END
$body$;
REVOKE EXECUTE ON FUNCTION public.devora_search_trigram(text, text[], timestamptz, timestamptz, text, real, integer, real)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.devora_search_trigram(text, text[], timestamptz, timestamptz, text, real, integer, real)
    TO app_user, admin_role;

-- A lexeme as a tsquery writes it, which is not how SQL writes a text.
CREATE FUNCTION devora_console.as_query(lexeme text) RETURNS text
    LANGUAGE sql IMMUTABLE
AS $body$
    SELECT chr(39) || replace(replace(lexeme, chr(92), chr(92) || chr(92)), chr(39), chr(39) || chr(39)) || chr(39)
$body$;

-- What is known of the lexemes of a query, the rarest first. held: whether documents that the caller may find hold it.
-- common: left out where any word may match, because it is in more than so many percent of all documents, or because
-- ranking would have to look at more than some 3,000 matches; two words stay in any case. near: where none holds it,
-- words like it that they do hold, the likeliest first: nobody learns a word from what others have written. Some 2 ms
-- each, so the four rarest are looked up, and none that is in more than 20 documents: others spell it so. Only the
-- owner and administrators are told the counts.
-- How often a word is in the documents of the caller is reckoned by the vocabulary, and for those who have much by the
-- statistics of their partition: a large user's favourite words may be rare elsewhere.
-- Bitmap scans only: a plain scan of the user's rows promises the planner to come upon a word soon, and looks at all of
-- them when it is rare (100 ms for 70,000 rows, against less than one).
CREATE FUNCTION public.devora_search_words(lexemes text[], common_percent real DEFAULT 10)
    RETURNS TABLE (lexeme text, held boolean, common boolean, documents bigint, near text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off
    SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off
AS $body$
DECLARE
    there   constant text := 'EXISTS (SELECT FROM public.search_documents d
                                      WHERE %s AND d.search_vector @@ devora_console.as_query(%s)::tsquery)';
    scope   text := devora_console.search_scope();
    total   bigint := (SELECT v.documents FROM public.search_vocabulary v WHERE v.word = '');
    size    record := devora_console.search_size(scope);
    likely  double precision;
    matches double precision := 0;
    kept    integer := 0;
    tried   integer := 0;
    place   text;
    folded  text;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    PERFORM set_config('pg_trgm.similarity_threshold', '0.25', true);
    -- A word of many documents is taken to be in the caller's too: to look would take longer than it is worth.
    FOR lexeme, folded, documents, likely, held IN EXECUTE format(
        'SELECT asked.word, public.devora_fold(asked.word), v.documents,
                greatest(coalesce(v.documents, 1) * $2, often.part * $3), coalesce(v.documents, 0) > 1000 OR %s
           FROM unnest($1[1:64]) WITH ORDINALITY AS asked(word, place)
           LEFT JOIN public.search_vocabulary v ON v.word = public.devora_fold(asked.word) AND v.word <> ''''
           LEFT JOIN (
               SELECT e.word, max(e.part) AS part
                 FROM pg_stats p
                CROSS JOIN unnest(p.most_common_elems::text::text[], p.most_common_elem_freqs) AS e (word, part)
                WHERE $3 > 3000 AND p.schemaname = ''devora_console'' AND p.tablename = $4
                  AND p.attname = ''search_vector'' AND e.word = ANY ($1)
                GROUP BY e.word) often ON often.word = asked.word
          ORDER BY v.documents IS NOT NULL, 4, asked.place', format(there, scope, 'asked.word'))
        USING lexemes, size.documents / greatest(total, 1)::double precision, size.documents, size.partition
    LOOP
        near := '{}';
        matches := matches + likely;
        common := kept >= 2 AND (matches > 3000 OR documents > greatest(1000, total * common_percent / 100));
        kept := kept + (NOT common)::integer;
        IF NOT held AND tried < 4 AND coalesce(documents, 0) <= 20
           AND char_length(folded) BETWEEN 4 AND 40 AND folded !~ '[0-9]' THEN
            tried := tried + 1;
            EXECUTE format(
                'SELECT coalesce(array_agg(found.word), ''{}'')
                   FROM (SELECT alike.word
                           FROM (SELECT v.word FROM public.search_vocabulary v
                                  WHERE v.word OPERATOR(%1$s.%%) $1 AND v.word <> $1 AND v.word !~ ''[0-9]''
                                  ORDER BY %1$s.similarity(v.word, $1) DESC, v.documents DESC, v.word LIMIT 24) alike
                          WHERE %2$s LIMIT 8) found', place, format(there, scope, 'alike.word'))
                INTO near USING folded;
        END IF;
        IF scope <> 'true' THEN
            documents := NULL;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$body$;
REVOKE EXECUTE ON FUNCTION public.devora_search_words(text[], real) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.devora_search_words(text[], real) TO app_user, admin_role;
