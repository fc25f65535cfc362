-- what: takes unaccent out of devora_french; the extension stays

DO $body$
BEGIN
    IF EXISTS (SELECT FROM pg_ts_config
                WHERE cfgname = 'devora_french' AND cfgnamespace = 'public'::regnamespace) THEN
        ALTER TEXT SEARCH CONFIGURATION public.devora_french
            ALTER MAPPING FOR asciiword, asciihword, hword_asciipart, word, hword, hword_part
            WITH public.devora_fr_stop, pg_catalog.french_stem;
        ALTER TEXT SEARCH CONFIGURATION public.devora_french
            ALTER MAPPING FOR numword, numhword, hword_numpart WITH pg_catalog.simple;
    END IF;
END
$body$;
