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

-- Up to two words of the vocabulary that are like a lexeme and are in documents of the scope: nobody learns a word
-- from what others have written.
CREATE FUNCTION devora_console.search_corrections(lexeme text, scope text) RETURNS text[]
    LANGUAGE plpgsql STABLE
AS $body$
DECLARE
    folded text := public.devora_fold(lexeme);
    place  text;
    other  text;
    there  boolean;
    found  text[] := '{}';
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    PERFORM set_config('pg_trgm.similarity_threshold', '0.35', true);
    FOR other IN EXECUTE format(
        'SELECT v.word FROM public.search_vocabulary v
          WHERE v.word OPERATOR(%1$s.%%) $1 AND char_length(v.word) BETWEEN $2 - 2 AND $2 + 2
          ORDER BY %1$s.similarity(v.word, $1) DESC, v.documents DESC, v.word LIMIT 6', place)
        USING folded, char_length(folded)
    LOOP
        EXECUTE format(
            'SELECT EXISTS (SELECT FROM public.search_documents d WHERE %s AND d.search_vector @@ %L::tsquery)',
            scope, quote_literal(other)) INTO there;
        IF there THEN
            found := found || other;
            EXIT WHEN cardinality(found) = 2;
        END IF;
    END LOOP;
    RETURN found;
END
$body$;
