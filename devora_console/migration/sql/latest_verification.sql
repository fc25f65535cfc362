-- What: the last recorded verdict, and whether a migration has written to the target since it began.
-- Serves: 14 and later. Cost: the runs. Grants: owner of devora_console.
SELECT v.run, v.started_at, v.finished_at, v.mapping_hash, v.source_identity, v.holder, v.summary::text AS summary,
       EXISTS (SELECT FROM devora_console.run e
                WHERE e.kind = 'execute' AND coalesce(e.finished_at, now()) > v.started_at) AS copied_since
  FROM devora_console.run v
 WHERE v.kind = 'verify'
 ORDER BY v.finished_at DESC
 LIMIT 1
