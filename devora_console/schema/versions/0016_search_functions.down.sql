-- what: removes full text search over the documents, and their vocabulary

DROP FUNCTION IF EXISTS public.devora_search_fulltext(tsquery, text[], timestamptz, timestamptz, text, integer);
DROP FUNCTION IF EXISTS devora_console.search_size(text);
DROP FUNCTION IF EXISTS public.devora_refresh_vocabulary();
DROP TABLE IF EXISTS public.search_vocabulary;
DROP FUNCTION IF EXISTS devora_console.search_filter(text[], timestamptz, timestamptz, text);
DROP FUNCTION IF EXISTS devora_console.search_scope();
