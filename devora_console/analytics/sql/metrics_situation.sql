-- What: whether this login may read the views of the metrics ($1: their names, in schema devora_console) and refresh
-- them, and whether there are accounts at all by the planner's statistics. Needs: nothing.
SELECT current_user::text AS login,
       clock_timestamp() AS now,
       (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'devora_console' AND c.relname = ANY ($1::text[]) AND c.relkind = 'm') AS views,
       coalesce((SELECT bool_and(pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                                 AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = 'devora_console' AND c.relname = ANY ($1::text[] || 'stats_refresh'::text)
                     OR n.nspname = 'public' AND c.relname = 'mv_daily_user_activity'), false) AS readable,
       coalesce((SELECT pg_catalog.has_function_privilege(f.oid, 'EXECUTE')
                   FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
                  WHERE n.nspname = 'public' AND f.proname = 'refresh_all_stats'), false) AS may_refresh,
       coalesce((SELECT c.reltuples > 0
                   FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  WHERE n.nspname = 'public' AND c.relname = 'users'), false) AS has_accounts,
       (SELECT n.nspname::text FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
         WHERE e.extname = 'pg_stat_statements') AS statements_schema
