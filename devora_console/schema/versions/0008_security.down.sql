-- what: removes policies, row level security and grants; the roles stay, other databases may use them

DO $body$
DECLARE
    found record;
    wanted text;
BEGIN
    FOR found IN
        SELECT pol.polname, pol.polrelid::regclass AS place
          FROM pg_policy pol
          JOIN pg_class c ON c.oid = pol.polrelid
         WHERE c.relnamespace = 'public'::regnamespace
           AND (pol.polname IN ('users_own_row', 'user_settings_user_isolation', 'projects_user_isolation',
                                'project_files_user_isolation', 'conversations_user_isolation',
                                'messages_user_isolation', 'invoices_user_isolation', 'analytics_user_isolation',
                                'analytics_user_insert', 'search_queries_user_isolation',
                                'embeddings_user_isolation')
                OR pol.polname = 'admin_full_access_' || c.relname)
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON %s', found.polname, found.place);
    END LOOP;
    FOR found IN
        SELECT c.oid::regclass AS place
          FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relrowsecurity
           AND c.relname IN ('users', 'user_settings', 'projects', 'project_files', 'conversations', 'messages',
                             'invoices', 'analytics_events', 'search_queries', 'embeddings')
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', found.place);
    END LOOP;
    FOREACH wanted IN ARRAY ARRAY['app_user', 'admin_role', 'metrics_role'] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        FOR found IN
            SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, c.oid::regclass::text AS place
              FROM pg_class c
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
               AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = wanted::regrole)
               AND c.relname IN ('users', 'user_settings', 'projects', 'project_files', 'conversations',
                                 'messages', 'invoices', 'analytics_events', 'search_queries', 'embeddings',
                                 'system_config', 'user_with_subscription_details', 'project_with_stats',
                                 'admin_revenue_stats', 'mv_daily_user_activity', 'mv_monthly_revenue',
                                 'mv_user_engagement', 'mv_project_statistics')
            UNION ALL
            SELECT 'FUNCTION', p.oid::regprocedure::text
              FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace
               AND EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = wanted::regrole)
               AND p.proname IN ('refresh_daily_activity_stats', 'refresh_monthly_revenue_stats',
                                 'refresh_user_engagement_stats', 'refresh_project_stats', 'refresh_all_stats',
                                 'get_monthly_active_users', 'find_login')
        LOOP
            EXECUTE format('REVOKE ALL ON %s %s FROM %I', found.kind, found.place, wanted);
        END LOOP;
    END LOOP;
END
$body$;
