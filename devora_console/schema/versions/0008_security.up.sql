-- what: roles, row level security with its policies, and grants
-- requires: role app_user, role admin_role, role metrics_role
-- transaction: yes
--
-- The application connects as a member of app_user and says who is asking with set_config('app.user_id', ..., true).
-- Unset or empty, it sees no row and writes none. The test is a subquery so that it is computed once per query.
-- Row security is enabled, not forced: the owner migrates by COPY, which row security does not allow. So the
-- application must never connect as the owner. Plain and materialised views: see versions 6 and 7.

DO $body$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['app_user', 'admin_role', 'metrics_role'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'role % is missing and % may not create it', wanted, current_user
                    USING ERRCODE = 'insufficient_privilege',
                          HINT = format('A superuser runs: CREATE ROLE %I NOLOGIN;', wanted);
            WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this server created it at the same moment
        END;
    END LOOP;
END
$body$;

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.project_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.conversations ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.analytics_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.search_queries ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.embeddings ENABLE ROW LEVEL SECURITY;

CREATE POLICY users_own_row ON public.users FOR ALL TO app_user
    USING (id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
    WITH CHECK (id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY user_settings_user_isolation ON public.user_settings FOR ALL TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
    WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY projects_user_isolation ON public.projects FOR ALL TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
    WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY project_files_user_isolation ON public.project_files FOR ALL TO app_user
    USING (project_id IN (
        SELECT own.id FROM public.projects own WHERE own.user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)))
    WITH CHECK (project_id IN (
        SELECT own.id FROM public.projects own WHERE own.user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)));
-- A foreign key does not look at row security: without the second half one could point at another's project.
CREATE POLICY conversations_user_isolation ON public.conversations FOR ALL TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
    WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)
        AND (project_id IS NULL OR project_id IN (
            SELECT own.id FROM public.projects own WHERE own.user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))));
CREATE POLICY messages_user_isolation ON public.messages FOR ALL TO app_user
    USING (conversation_id IN (
        SELECT own.id FROM public.conversations own WHERE own.user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)))
    WITH CHECK (conversation_id IN (
        SELECT own.id FROM public.conversations own WHERE own.user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)));
CREATE POLICY invoices_user_isolation ON public.invoices FOR ALL TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
    WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
-- Events are read by their user, added for the user or for nobody (before signing in), and never changed.
CREATE POLICY analytics_user_isolation ON public.analytics_events FOR SELECT TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY analytics_user_insert ON public.analytics_events FOR INSERT TO app_user
    WITH CHECK (user_id IS NULL OR user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY search_queries_user_isolation ON public.search_queries FOR ALL TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
    WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY embeddings_user_isolation ON public.embeddings FOR ALL TO app_user
    USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid))
    WITH CHECK (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));

CREATE POLICY admin_full_access_users ON public.users FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_user_settings ON public.user_settings FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_projects ON public.projects FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_project_files ON public.project_files FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_conversations ON public.conversations FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_messages ON public.messages FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_invoices ON public.invoices FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_analytics_events ON public.analytics_events FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_search_queries ON public.search_queries FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);
CREATE POLICY admin_full_access_embeddings ON public.embeddings FOR ALL TO admin_role
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    public.users, public.user_settings, public.projects, public.project_files, public.conversations,
    public.messages, public.invoices, public.search_queries, public.embeddings
    TO app_user;
GRANT SELECT, INSERT ON public.analytics_events TO app_user;
GRANT SELECT ON public.system_config TO app_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    public.users, public.user_settings, public.projects, public.project_files, public.conversations,
    public.messages, public.invoices, public.search_queries, public.embeddings, public.analytics_events,
    public.system_config
    TO admin_role;
GRANT SELECT ON
    public.user_with_subscription_details, public.project_with_stats, public.admin_revenue_stats,
    public.mv_daily_user_activity, public.mv_monthly_revenue, public.mv_user_engagement,
    public.mv_project_statistics
    TO admin_role;
GRANT SELECT ON
    public.mv_daily_user_activity, public.mv_monthly_revenue, public.mv_user_engagement,
    public.mv_project_statistics
    TO metrics_role;
GRANT EXECUTE ON FUNCTION
    public.refresh_daily_activity_stats(), public.refresh_monthly_revenue_stats(),
    public.refresh_user_engagement_stats(), public.refresh_project_stats(), public.refresh_all_stats()
    TO admin_role, metrics_role;
GRANT EXECUTE ON FUNCTION public.get_monthly_active_users(date) TO admin_role;
GRANT EXECUTE ON FUNCTION public.find_login(text) TO app_user, admin_role;

DO $body$
DECLARE
    wanted text;
BEGIN
    -- Before PostgreSQL 15 these two views read past row security.
    IF current_setting('server_version_num')::integer >= 150000 THEN
        GRANT SELECT ON public.user_with_subscription_details, public.project_with_stats TO app_user;
    END IF;
    -- Who is not the owner of the database or the schema cannot grant these; PUBLIC usually has them anyway.
    FOREACH wanted IN ARRAY ARRAY['app_user', 'admin_role', 'metrics_role'] LOOP
        IF NOT has_database_privilege(wanted, current_database(), 'CONNECT') THEN
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), wanted);
        END IF;
        IF NOT has_schema_privilege(wanted, 'public', 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', wanted);
        END IF;
    END LOOP;
END
$body$;
