-- What: how far a run has come in one collection.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
INSERT INTO devora_console.checkpoint AS c (run, collection, phase, documents, rows, last_source_id, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
    ON CONFLICT (run, collection, phase) DO UPDATE
   SET documents = excluded.documents, rows = excluded.rows, last_source_id = excluded.last_source_id,
       updated_at = excluded.updated_at
