-- What: the migration guide's table sizes, mended: by OID, so that any name works, and without locked tables.
-- Serves: 14 and later. Cost: a look at the files of all tables in public. Grants: none.
SELECT n.nspname AS schemaname, c.relname, pg_size_pretty(pg_total_relation_size(c.oid)) AS size
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'm')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock')
 ORDER BY pg_total_relation_size(c.oid) DESC, c.oid
 LIMIT 20
