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
        ON public.search_documents USING gin (public.devora_fold(title) %s.gin_trgm_ops)
        WHERE entity_type <> ''message''', place);
    EXECUTE format('CREATE INDEX idx_search_vocabulary_word_trgm
        ON public.search_vocabulary USING gin (word %s.gin_trgm_ops)', place);
END
$body$;

-- Documents whose title or name is like the words, best first: word similarity of at least threshold. Fewer than three
-- letters find nothing: they have no trigram that an index could be asked for.
CREATE FUNCTION public.devora_search_trigram(
    words text, kinds text[] DEFAULT NULL, since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    language text DEFAULT NULL, threshold real DEFAULT 0.4, most integer DEFAULT 50)
    RETURNS TABLE (entity_type text, entity_id uuid, score real)
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp SET jit = off
AS $body$
DECLARE
    folded text := left(public.devora_fold(words), 200);
    place  text;
BEGIN
    IF folded IS NULL OR char_length(regexp_replace(folded, '[^[:alnum:]]', '', 'g')) < 3 THEN
        RETURN;
    END IF;
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    PERFORM set_config('pg_trgm.word_similarity_threshold', greatest(least(threshold, 1), 0.1)::text, true);
    RETURN QUERY EXECUTE format(
        'SELECT d.entity_type, d.entity_id, %5$s.word_similarity(%3$L, public.devora_fold(d.title)) AS score
           FROM public.search_documents d
          WHERE %1$s AND %2$s AND d.entity_type <> ''message''
            AND %3$L OPERATOR(%5$s.<%%) public.devora_fold(d.title)
          ORDER BY score DESC, d.entity_type, d.entity_id
          LIMIT %4$s',
        devora_console.search_scope(), devora_console.search_filter(kinds, since, until, language), folded,
        greatest(most, 0), place);
END
$body$;
REVOKE EXECUTE ON FUNCTION public.devora_search_trigram(text, text[], timestamptz, timestamptz, text, real, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.devora_search_trigram(text, text[], timestamptz, timestamptz, text, real, integer)
    TO app_user, admin_role;

-- A lexeme as a tsquery writes it, which is not how SQL writes a text.
CREATE FUNCTION devora_console.as_query(lexeme text) RETURNS text
    LANGUAGE sql IMMUTABLE
AS $body$
    SELECT chr(39) || replace(replace(lexeme, chr(92), chr(92) || chr(92)), chr(39), chr(39) || chr(39)) || chr(39)
$body$;

-- What is known of the lexemes of a query. held: whether documents that the caller may find hold it; common: it is in
-- more than so many percent of all documents, which tells none apart; near: where none holds it, words like it that
-- they do hold, the likeliest first. Only the owner and administrators are told in how many documents a word is.
CREATE FUNCTION public.devora_search_words(lexemes text[], common_percent real DEFAULT 10)
    RETURNS TABLE (lexeme text, held boolean, common boolean, documents bigint, near text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp SET jit = off
AS $body$
DECLARE
    scope  text := devora_console.search_scope();
    whole  real := (SELECT sum(greatest(part.reltuples, 0)) FROM pg_inherits tree JOIN pg_class part ON part.oid = tree.inhrelid
                     WHERE tree.inhparent = 'public.search_documents'::regclass);
    place  text;
    folded text;
    other  text;
    there  boolean;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    PERFORM set_config('pg_trgm.similarity_threshold', '0.25', true);
    FOREACH lexeme IN ARRAY lexemes[1:64] LOOP
        folded := public.devora_fold(lexeme);
        near := '{}';
        documents := (SELECT v.documents FROM public.search_vocabulary v WHERE v.word = folded);
        -- A word of many documents is taken to be in the caller's too: to look would take longer than it is worth.
        held := coalesce(documents, 0) > 1000;
        common := held AND documents > whole * common_percent / 100;
        IF NOT held THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM public.search_documents d WHERE %1$s AND d.search_vector @@ %2$L::tsquery)',
                           scope, devora_console.as_query(lexeme)) INTO held;
        END IF;
        IF NOT held AND char_length(folded) BETWEEN 4 AND 40 THEN
            FOR other IN EXECUTE format(
                'SELECT v.word FROM public.search_vocabulary v
                  WHERE v.word OPERATOR(%1$s.%%) %2$L AND v.word <> %2$L AND v.word !~ ''[0-9]''
                  ORDER BY %1$s.similarity(v.word, %2$L) DESC, v.documents DESC, v.word LIMIT 24', place, folded)
            LOOP
                EXECUTE format('SELECT EXISTS (SELECT FROM public.search_documents d WHERE %1$s AND d.search_vector @@ %2$L::tsquery)',
                               scope, devora_console.as_query(other)) INTO there;
                IF there THEN
                    near := near || other;
                END IF;
                EXIT WHEN cardinality(near) = 8;
            END LOOP;
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
