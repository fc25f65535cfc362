-- what: queries without accents find texts with them (unaccent in devora_french)
-- requires: extension unaccent
-- transaction: yes
--
-- Vectors that exist already are computed again, with their times left alone.

CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;

DO $body$
DECLARE
    dictionary text;
BEGIN
    SELECT format('%I.%I', n.nspname, d.dictname) INTO STRICT dictionary
      FROM pg_ts_dict d
      JOIN pg_namespace n ON n.oid = d.dictnamespace
      JOIN pg_depend link ON link.classid = 'pg_ts_dict'::regclass AND link.objid = d.oid AND link.deptype = 'e'
      JOIN pg_extension e ON link.refclassid = 'pg_extension'::regclass AND e.oid = link.refobjid
     WHERE e.extname = 'unaccent';
    EXECUTE format(
        'ALTER TEXT SEARCH CONFIGURATION public.devora_french
             ALTER MAPPING FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part
             WITH public.devora_fr_stop, %s, pg_catalog.french_stem', dictionary);
    EXECUTE format(
        'ALTER TEXT SEARCH CONFIGURATION public.devora_french
             ALTER MAPPING FOR numword, numhword, hword_numpart WITH %s, pg_catalog.simple', dictionary);
    PERFORM set_config('devora.loading', 'on', true);
    UPDATE public.projects SET name = name;
    UPDATE public.conversations SET title = title;
    UPDATE public.messages SET content = content;
    PERFORM set_config('devora.loading', '', true);
END
$body$;
