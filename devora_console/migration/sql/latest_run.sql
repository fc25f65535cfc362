-- What: the latest execution, and whether its runner holds the advisory lock ($1, $2: its two halves) at this moment.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
SELECT r.run, r.state, r.mapping_hash, r.holder, r.started_at, r.finished_at, r.updated_at, r.progress::text AS progress,
       EXISTS (SELECT FROM pg_locks l
                WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::bigint AND l.objid = $2::bigint
                  AND l.objsubid = 1
                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS alive
  FROM devora_console.run r
 WHERE r.kind = 'execute'
 ORDER BY r.started_at DESC
 LIMIT 1
