-- What: every lock somebody waits for, with all who hold it or wait for it, and whom each waiter waits for.
-- Serves: 14 and later. Cost: one copy of the lock table, and pg_blocking_pids for each waiter. Grants: none.
-- A row lock is waited for as a transaction's; the tuple lock its first waiter holds tells which row it is.
-- A prepared transaction has no process: the lock on its own id tells which one it is.
WITH held AS MATERIALIZED (
    SELECT l.*,
           pg_catalog.concat_ws('/', l.locktype, coalesce(l.database::text, '-'), coalesce(l.relation::text, '-'),
                                coalesce(l.page::text, '-'), coalesce(l.tuple::text, '-'),
                                coalesce(l.virtualxid, '-'), coalesce(l.transactionid::text, '-'),
                                coalesce(l.classid::text, '-'), coalesce(l.objid::text, '-'),
                                coalesce(l.objsubid::text, '-')) AS tag
      FROM pg_catalog.pg_locks l
     WHERE EXISTS (SELECT FROM pg_catalog.pg_locks w WHERE NOT w.granted)
)
SELECT h.pid,
       h.granted,
       h.tag,
       h.mode,
       h.locktype,
       h.database::bigint AS database_oid,
       h.relation::bigint AS relation,
       h.page,
       h.tuple,
       h.virtualxid,
       h.transactionid::text AS transactionid,
       h.classid::bigint AS classid,
       h.objid::bigint AS objid,
       h.objsubid,
       h.virtualtransaction,
       extract(epoch FROM pg_catalog.clock_timestamp() - h.waitstart)::double precision AS wait_seconds,
       CASE WHEN NOT h.granted THEN pg_catalog.pg_blocking_pids(h.pid) END AS blocked_by,
       pg_catalog.clock_timestamp() AS now
  FROM held h
 WHERE h.tag IN (SELECT w.tag FROM held w WHERE NOT w.granted)
    OR (h.granted AND h.locktype = 'tuple' AND h.pid IN (SELECT w.pid FROM held w WHERE NOT w.granted))
    OR (h.pid IS NULL AND h.granted AND h.locktype = 'transactionid')
