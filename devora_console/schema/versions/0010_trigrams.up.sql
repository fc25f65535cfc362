-- what: trigram indexes on names and titles, for searches with typing errors
-- requires: extension pg_trgm
-- transaction: yes
--
-- On names only: over the bodies of messages such a search takes seconds and finds what has no meaning.

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

DO $body$
DECLARE
    place text;
BEGIN
    SELECT quote_ident(n.nspname) INTO STRICT place
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX idx_projects_name_trgm
        ON public.projects USING gin (public.devora_fold(name::text) %s.gin_trgm_ops)', place);
    EXECUTE format('CREATE INDEX idx_conversations_title_trgm
        ON public.conversations USING gin (public.devora_fold(title::text) %s.gin_trgm_ops)', place);
    EXECUTE format('CREATE INDEX idx_project_files_name_trgm
        ON public.project_files USING gin (public.devora_fold(name::text) %s.gin_trgm_ops)', place);
END
$body$;
