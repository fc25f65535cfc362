-- what: removes the eleven tables of Devora with every row in them

DROP TABLE IF EXISTS public.embeddings;
DROP TABLE IF EXISTS public.search_queries;
DROP TABLE IF EXISTS public.analytics_events;
DROP TABLE IF EXISTS public.system_config;
DROP TABLE IF EXISTS public.invoices;
DROP TABLE IF EXISTS public.messages;
DROP TABLE IF EXISTS public.conversations;
DROP TABLE IF EXISTS public.project_files;
DROP TABLE IF EXISTS public.projects;
DROP TABLE IF EXISTS public.user_settings;
DROP TABLE IF EXISTS public.users;
