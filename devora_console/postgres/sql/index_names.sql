-- What: the names of all indexes that have a file of their own, system ones included, to find one by name.
-- Serves: 14 and later. Cost: one pass over pg_class. Grants: none.
SELECT c.oid::bigint AS oid,
       c.relname::text AS name,
       n.nspname || '.' || c.relname AS qualified,
       format('%I.%I', n.nspname, c.relname) AS quoted
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'i'
