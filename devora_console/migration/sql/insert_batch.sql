-- What: a batch of a run is committed, with the rows in the same transaction.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
INSERT INTO devora_console.batch AS b (run, collection, piece, pieces, documents, rows, committed_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
    ON CONFLICT (run, collection, piece) DO UPDATE
   SET pieces = excluded.pieces, documents = excluded.documents, rows = b.rows + excluded.rows,
       committed_at = excluded.committed_at
