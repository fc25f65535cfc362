-- What: one execution with its last snapshot; $1 its id, NULL for the latest.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
SELECT run, state, mapping_name, mapping_hash, source_identity, schema_version, started_at, finished_at, holder, epoch,
       progress::text AS progress,
       (SELECT string_agg(version || ' ' || name, ', ' ORDER BY version) FROM devora_console.schema_version) AS versions
  FROM devora_console.run
 WHERE kind = 'execute' AND ($1::uuid IS NULL OR run = $1)
 ORDER BY started_at DESC
 LIMIT 1
