-- What: where pg_stat_statements is, whether it collects, and what it measures.
-- Serves: 14 and later. Cost: nothing. Grants: none; without pg_read_all_settings "preload" is NULL.
-- Its own settings exist in pg_settings only where the library is loaded; a setting without its library is not there.
SELECT e.oid,
       e.extversion AS version,
       n.nspname::text AS schema,
       has_schema_privilege(n.oid, 'USAGE') AS reachable,
       (SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_catalog.pg_proc p
         WHERE p.pronamespace = e.extnamespace
           AND p.proname IN ('pg_stat_statements', 'pg_stat_statements_info')) AS executable,
       pg_has_role('pg_read_all_stats', 'USAGE') AS sees_all,
       s."values" ? 'pg_stat_statements.max' AS loaded,
       (s."values" ->> 'pg_stat_statements.max')::bigint AS most,
       s."values" ->> 'pg_stat_statements.track' AS track,
       s."values" ->> 'pg_stat_statements.track_planning' = 'on' AS planning,
       s."values" ->> 'track_io_timing' = 'on' AS io_timing,
       s."values" ->> 'shared_preload_libraries' AS preload,
       s.only_here,
       EXISTS (SELECT FROM pg_catalog.pg_db_role_setting r, unnest(r.setconfig) AS each
                WHERE each ~ '^pg_stat_statements\.track=(top|all)$') AS tracked_elsewhere,
       reader.oid AS reader,
       reader.rolinherit AS inherits,
       quote_ident(current_user) AS quoted_reader
  FROM (SELECT jsonb_object_agg(g.name, g.setting) AS "values",
               coalesce(bool_or(g.source IN ('database', 'user', 'database user', 'client', 'session'))
                        FILTER (WHERE g.name = 'pg_stat_statements.track'), false) AS only_here
          FROM pg_catalog.pg_settings g
         WHERE g.name IN ('pg_stat_statements.max', 'pg_stat_statements.track', 'pg_stat_statements.track_planning',
                          'track_io_timing', 'shared_preload_libraries')) s
  JOIN pg_catalog.pg_roles reader ON reader.rolname = current_user
  LEFT JOIN pg_catalog.pg_extension e ON e.extname = 'pg_stat_statements'
  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
