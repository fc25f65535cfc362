-- What: the tables of a schema, partitions as tables of their own.
-- Serves: 14 and later. Cost: the catalogue. Grants: none.
SELECT n.nspname AS schema, c.relname AS name
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname = $1
 ORDER BY c.relname
