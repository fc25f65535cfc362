-- What: the sessions that hold or await a lock on a table, with the names they gave themselves, or their kind.
-- Serves: 14 and later. Cost: a look at the lock table. Grants: none.
-- $1: a table name in schema public.
SELECT DISTINCT l.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'unnamed') AS name
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'relation'
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
   AND l.relation = to_regclass(format('public.%I', $1::text))
   AND l.pid IS DISTINCT FROM pg_backend_pid()
 ORDER BY l.pid
 LIMIT 4
