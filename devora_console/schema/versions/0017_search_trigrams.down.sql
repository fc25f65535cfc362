-- what: removes searches with typing errors; the extension stays

DROP FUNCTION IF EXISTS public.devora_search_words(text[], real);
DROP FUNCTION IF EXISTS devora_console.as_query(text);
DROP FUNCTION IF EXISTS public.devora_search_trigram(text, text[], timestamptz, timestamptz, text, real, integer, real);
DROP INDEX IF EXISTS public.idx_search_vocabulary_word_trgm;
DROP INDEX IF EXISTS public.idx_search_documents_title_trgm;
