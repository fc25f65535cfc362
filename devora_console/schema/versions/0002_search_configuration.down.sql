-- what: removes the French full text configuration and its functions

DROP FUNCTION IF EXISTS public.devora_fold(text);
DROP FUNCTION IF EXISTS public.devora_query(text);
DROP FUNCTION IF EXISTS public.devora_vector(text);
DROP FUNCTION IF EXISTS public.devora_lexemes(text);
DROP TEXT SEARCH CONFIGURATION IF EXISTS public.devora_french;
DROP TEXT SEARCH DICTIONARY IF EXISTS public.devora_fr_stop;
