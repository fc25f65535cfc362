-- What: how autovacuum is set, and how many of its workers are at work.
-- Serves: 14 and later (settings that do not exist yet are NULL). Cost: nothing.
-- Grants: pg_read_all_stats to see the workers; visible says whether this user may.
SELECT current_setting('autovacuum')::boolean AS enabled,
       current_setting('track_counts')::boolean AS counting,
       (SELECT s.setting::integer FROM pg_catalog.pg_settings s WHERE s.name = 'autovacuum_naptime') AS naptime,
       current_setting('autovacuum_max_workers')::integer AS max_workers,
       current_setting('autovacuum_vacuum_threshold')::float8 AS vacuum_threshold,
       current_setting('autovacuum_vacuum_scale_factor')::float8 AS vacuum_scale,
       current_setting('autovacuum_vacuum_max_threshold', true)::float8 AS vacuum_max,
       current_setting('autovacuum_vacuum_insert_threshold')::float8 AS insert_threshold,
       current_setting('autovacuum_vacuum_insert_scale_factor')::float8 AS insert_scale,
       current_setting('autovacuum_analyze_threshold')::float8 AS analyze_threshold,
       current_setting('autovacuum_analyze_scale_factor')::float8 AS analyze_scale,
       pg_has_role('pg_read_all_stats', 'USAGE') AS visible,
       (SELECT count(*)::integer FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'autovacuum worker')
           AS workers
