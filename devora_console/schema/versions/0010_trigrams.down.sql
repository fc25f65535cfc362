-- what: removes the trigram indexes; the extension stays

DROP INDEX IF EXISTS public.idx_project_files_name_trgm;
DROP INDEX IF EXISTS public.idx_conversations_title_trgm;
DROP INDEX IF EXISTS public.idx_projects_name_trgm;
