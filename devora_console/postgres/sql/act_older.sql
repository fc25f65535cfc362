-- What: transactions that are open just now: what is done CONCURRENTLY waits for those of this database, vacuum cannot
-- remove rows they may still see.
-- Serves: 14 and later. Cost: one look at the sessions. Grants: none; states of others need pg_read_all_stats.
SELECT a.pid,
       a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::double precision AS seconds
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database()
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.application_name !~ '^devora-console'
   AND (a.xact_start IS NOT NULL OR a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
   AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'parallel worker')
 ORDER BY a.xact_start NULLS LAST
