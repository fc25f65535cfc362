-- what: removes the search documents, and the triggers that keep them

DO $body$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.tgname, t.tgrelid::regclass AS place
          FROM pg_trigger t
          JOIN pg_proc p ON p.oid = t.tgfoid
         WHERE p.pronamespace = to_regnamespace('devora_console') AND t.tgname LIKE 'keep\_documents\_%'
           AND NOT t.tgisinternal AND t.tgparentid = 0
    LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %s', found.tgname, found.place);
    END LOOP;
END
$body$;
DROP FUNCTION IF EXISTS public.devora_refresh_documents(uuid, boolean);
DROP FUNCTION IF EXISTS devora_console.fill_documents(text, tid, tid);
DROP FUNCTION IF EXISTS devora_console.entities_emptied();
DROP FUNCTION IF EXISTS devora_console.children_gone();
DROP FUNCTION IF EXISTS devora_console.parent_leaves();
DROP FUNCTION IF EXISTS devora_console.file_changed();
DROP FUNCTION IF EXISTS devora_console.message_changed();
DROP FUNCTION IF EXISTS devora_console.conversation_changed();
DROP FUNCTION IF EXISTS devora_console.project_changed();
DROP FUNCTION IF EXISTS devora_console.documents_added();
DROP FUNCTION IF EXISTS devora_console.drop_documents(uuid, text, uuid[]);
DROP FUNCTION IF EXISTS devora_console.retitle_files(uuid[]);
DROP FUNCTION IF EXISTS devora_console.put_documents(text, uuid[]);
DROP VIEW IF EXISTS devora_console.file_documents;
DROP VIEW IF EXISTS devora_console.message_documents;
DROP VIEW IF EXISTS devora_console.conversation_documents;
DROP VIEW IF EXISTS devora_console.project_documents;
DROP FUNCTION IF EXISTS devora_console.content_hash(text, text, text);
DROP TABLE IF EXISTS public.search_documents;
