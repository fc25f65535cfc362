-- What: records a thing that is about to be dropped. No row comes back when it is recorded already.
-- Serves: 14 and later. Cost: one row. Grants: owner of devora_console.
INSERT INTO devora_console.set_aside
       (kind, table_name, name, definition, attach, afterwards, tablespace, valid, keys, takes_part, columns, function)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (table_name, kind, name) DO NOTHING
RETURNING number
