-- What: who holds, or awaits, a lock on a relation that an act's own lock has to wait for.
-- Serves: 14 and later. Cost: one look at the lock table. Grants: none; whom a session is needs pg_read_all_stats.
-- $1: the relation. $2: whether the act takes AccessExclusiveLock, which waits for every lock; others take
-- ShareUpdateExclusiveLock.
SELECT l.pid, l.mode, l.granted
  FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'relation'
   AND l.relation = $1::bigint::oid
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
   AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
   AND ($2::boolean OR l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                                  'AccessExclusiveLock'))
 ORDER BY l.granted DESC, l.pid
