-- What: record a verdict on source against target. started_at is its watermark.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
INSERT INTO devora_console.run (run, kind, state, mapping_name, mapping_hash, source_identity, schema_version,
                                started_at, finished_at, updated_at, holder, summary)
VALUES ($1, 'verify', 'done', $2, $3, $4, $5, $6, $7, now(), $8, $9::jsonb)
