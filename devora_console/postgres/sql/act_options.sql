-- What: the storage parameters of a table, and what the server's own are.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT coalesce(c.reloptions, '{}') AS options,
       pg_catalog.current_setting('autovacuum_vacuum_scale_factor')::double precision AS scale,
       pg_catalog.current_setting('autovacuum_vacuum_threshold')::double precision AS threshold,
       pg_catalog.current_setting('autovacuum_analyze_scale_factor')::double precision AS analyze_scale,
       pg_catalog.current_setting('autovacuum_analyze_threshold')::double precision AS analyze_threshold,
       pg_catalog.current_setting('autovacuum')::boolean
       AND pg_catalog.current_setting('track_counts')::boolean AS "on",
       pg_catalog.current_setting('autovacuum_vacuum_max_threshold', true)::double precision AS most
  FROM pg_catalog.pg_class c
 WHERE c.oid = $1::bigint::oid
