-- What: a batch of a run is committed, with its rows in the same transaction.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
INSERT INTO devora_console.checkpoint AS c (run, collection, phase, piece, pieces, documents, rows, updated_at)
VALUES ($1, $2, 'write', $3, $4, $5, $6, now())
    ON CONFLICT (run, collection, phase, piece) DO UPDATE
   SET pieces = excluded.pieces, documents = excluded.documents, rows = c.rows + excluded.rows,
       updated_at = excluded.updated_at
