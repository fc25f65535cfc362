-- what: French full text: configuration devora_french, and the functions that build vectors and queries
-- requires: nothing
-- transaction: yes
--
-- Vectors hold two sets of lexemes: those of devora_french (stop words out, then accents out, then stemmed)
-- and those of the built-in configuration french where the two differ. So the application's own
-- to_tsquery('french', 'développement') finds, and so does a query typed without accents.
-- Without the extension unaccent devora_french equals french: version 9 adds the accents when it can.
-- Everything lives in public because the application's role resolves these names.

CREATE TEXT SEARCH DICTIONARY public.devora_fr_stop (
    TEMPLATE = pg_catalog.simple, STOPWORDS = french, ACCEPT = false
);

CREATE TEXT SEARCH CONFIGURATION public.devora_french (COPY = pg_catalog.french);

-- Stop words go first: unaccent would turn 'à' and 'été' into words that are on no list.
ALTER TEXT SEARCH CONFIGURATION public.devora_french
    ALTER MAPPING FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part
    WITH public.devora_fr_stop, pg_catalog.french_stem;

-- Both lexeme sets of a text. An ASCII text has the same lexemes in both configurations: one parse is enough.
-- The parser keeps docker-compose.yml or auth/jwt.py as one word: their parts are added after it.
-- Raises program_limit_exceeded beyond 1 MB of lexemes: call devora_vector instead.
CREATE FUNCTION public.devora_lexemes(body text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $body$
DECLARE
    folded tsvector := to_tsvector('public.devora_french'::regconfig, body);
    plain  tsvector;
    parts  text;
BEGIN
    SELECT string_agg(translate(word, './\_', '    '), ' ') INTO parts
      FROM unnest(tsvector_to_array(folded)) AS word
     WHERE word ~ '[[:alnum:]][./\\_][[:alnum:]]';
    IF parts IS NOT NULL THEN
        folded := folded || to_tsvector('public.devora_french'::regconfig, parts);
    END IF;
    IF octet_length(body) > char_length(body) THEN
        plain := to_tsvector('pg_catalog.french'::regconfig, body);
        folded := folded || ts_delete(plain, tsvector_to_array(folded));
    END IF;
    RETURN folded;
END
$body$;

-- The vector of any text, never NULL and never an error: a text whose lexemes do not fit in a tsvector
-- (1 MB) is indexed by its first 500,000, else 100,000, else 20,000 characters.
CREATE FUNCTION public.devora_vector(body text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $body$
DECLARE
    vector tsvector;
    kept   integer;
BEGIN
    IF body IS NULL OR body = '' THEN
        RETURN ''::tsvector;
    END IF;
    IF char_length(body) <= 40000 THEN  -- cannot overflow
        RETURN public.devora_lexemes(body);
    END IF;
    FOREACH kept IN ARRAY ARRAY[500000, 100000, 20000] LOOP
        BEGIN
            vector := public.devora_lexemes(left(body, kept));
            -- Leaves room for the vector of a title beside it.
            IF pg_column_size(vector) <= 1000000 THEN
                RETURN vector;
            END IF;
        EXCEPTION WHEN program_limit_exceeded THEN
            CONTINUE;
        END;
    END LOOP;
    RETURN ''::tsvector;
END
$body$;

-- A person's words as a query on such vectors. PostgreSQL's French list lacks les, a and où: they become a
-- word that is on it, so that distances in "quoted phrases" stay right. File names are taken apart as
-- devora_lexemes does, so that jwt.py finds backend/auth/jwt.py.
CREATE FUNCTION public.devora_query(words text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $body$
    SELECT websearch_to_tsquery(
        'public.devora_french'::regconfig,
        regexp_replace(
            regexp_replace(words, '([[:alnum:]])[./\\_]+(?=[[:alnum:]])', '\1 ', 'g'),
            '(^|[\s"(])(?:les|a|où)(?=$|[\s")?!,;:.])', '\1le', 'gi'))
$body$;

-- Lower case without French accents, for trigram comparison; unlike unaccent() it may be indexed.
CREATE FUNCTION public.devora_fold(words text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $body$
    SELECT replace(replace(
        translate(lower(words), 'àâäáãåçéèêëíìîïñóòôöõúùûüýÿ', 'aaaaaaceeeeiiiinooooouuuuyy'),
        'œ', 'oe'), 'æ', 'ae')
$body$;
