-- What: transactions that are open just now, prepared ones too: what is done CONCURRENTLY waits for those of this
-- database, vacuum cannot remove rows they may still see. And the sessions that do not tell whether they have one.
-- Serves: 14 and later. Cost: one look at the sessions. Grants: none; states of others need pg_read_all_stats.
-- $1: how the console's own questions begin; each is a short transaction.
SELECT a.pid,
       a.state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::double precision AS seconds,
       a.xact_start IS NULL AND a.backend_xmin IS NULL AND a.backend_xid IS NULL AS hidden,
       a.xact_start AS began
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database()
   AND a.pid <> pg_catalog.pg_backend_pid()
   AND NOT pg_catalog.starts_with(coalesce(a.query, ''), $1::text)
   AND (a.xact_start IS NOT NULL OR a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL
        OR a.query = '<insufficient privilege>' OR a.state = 'disabled')
   AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'parallel worker')
UNION ALL
SELECT NULL, 'prepared transaction', extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::double precision,
       false, p.prepared
  FROM pg_catalog.pg_prepared_xacts p
 WHERE p.database = pg_catalog.current_database()
 ORDER BY began NULLS LAST
