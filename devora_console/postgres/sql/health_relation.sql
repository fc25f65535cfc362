-- What: what a relation is, and whether somebody holds or awaits AccessExclusiveLock on it or on its TOAST table.
-- $1: OID. Serves: 14 and later. Cost: catalogue. Grants: none.
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, a.amname::text AS access_method,
       EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.relation IN (c.oid, c.reltoastrelid)
                  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
               ) AS locked
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
 WHERE c.oid = $1::oid
