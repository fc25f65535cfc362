-- What: the tables of a schema, partitions as tables of their own. Not what is made from others: the vocabulary of the
--       search documents (they are partitioned, their partitions elsewhere).
-- Serves: 14 and later. Cost: the catalogue. Grants: none.
SELECT n.nspname AS schema, c.relname AS name
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname = $1 AND c.relname <> 'search_vocabulary'
 ORDER BY c.relname
