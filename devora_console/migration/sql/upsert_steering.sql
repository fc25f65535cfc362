-- What: what people want of the running migration; NULL leaves it to the console.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
INSERT INTO devora_console.steering (name, paused, rows_per_second, workers, batch_bytes, changed_by, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
    ON CONFLICT (name) DO UPDATE
   SET paused = excluded.paused, rows_per_second = excluded.rows_per_second, workers = excluded.workers,
       batch_bytes = excluded.batch_bytes, changed_by = excluded.changed_by, changed_at = now()
