-- what: removes the triggers and their functions

DO $body$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.tgname, t.tgrelid::regclass AS place
          FROM pg_trigger t
          JOIN pg_proc p ON p.oid = t.tgfoid
         WHERE p.pronamespace = 'public'::regnamespace
           AND p.proname IN ('update_updated_at_column', 'update_conversation_last_message',
                             'update_projects_search_vector', 'update_conversations_search_vector',
                             'update_messages_search_vector')
           AND NOT t.tgisinternal AND t.tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', found.tgname, found.place);
    END LOOP;
END
$body$;
DROP FUNCTION IF EXISTS public.update_messages_search_vector();
DROP FUNCTION IF EXISTS public.update_conversations_search_vector();
DROP FUNCTION IF EXISTS public.update_projects_search_vector();
DROP FUNCTION IF EXISTS public.update_conversation_last_message();
DROP FUNCTION IF EXISTS public.update_updated_at_column();
