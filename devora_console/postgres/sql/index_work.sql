-- What: who works on indexes at this moment: builds in progress, and sessions that hold what only such work holds.
-- Serves: 14 and later. Cost: one look at the lock table. Grants: other users' progress needs pg_read_all_stats; the
--         locks, which everybody may see, tell the rest.
-- found: 'index' an index being built; 'reindex' a table whose indexes are being rebuilt; 'lock' an index held by a
-- session that builds, rebuilds or drops it; 'hidden' a table where a build that we may not see is going on.
SELECT 'index' AS found, p.index_relid::bigint AS oid, p.pid, p.command, p.phase
  FROM pg_catalog.pg_stat_progress_create_index p
 WHERE p.datname = current_database() AND p.index_relid <> 0
UNION ALL
SELECT 'reindex', p.relid::bigint, p.pid, p.command, p.phase
  FROM pg_catalog.pg_stat_progress_create_index p
 WHERE p.datname = current_database() AND p.command LIKE 'REINDEX%'
UNION ALL
SELECT 'lock', l.relation::bigint, l.pid, NULL, NULL
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_index i ON i.indexrelid = l.relation
 WHERE l.locktype = 'relation'
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
   AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')
UNION ALL
SELECT 'hidden', l.relation::bigint, l.pid, NULL, NULL
  FROM pg_catalog.pg_stat_progress_create_index p
  JOIN pg_catalog.pg_locks l ON l.pid = p.pid AND l.locktype = 'relation' AND l.granted
 WHERE p.datname = current_database() AND p.index_relid IS NULL
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
   AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock')
