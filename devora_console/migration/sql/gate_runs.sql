-- What: the latest execution: how it ended, and by which mapping.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
SELECT r.run::text AS run, r.state, r.mapping_hash, r.started_at, r.finished_at
  FROM devora_console.run r
 WHERE r.kind = 'execute'
 ORDER BY r.started_at DESC NULLS LAST
 LIMIT 1
