-- What: names of relations, to guess what a misspelt one meant.
-- Serves: 14 and later. Cost: a scan of pg_class, at most 5,000 names. Grants: none.
SELECT c.relname::text AS name
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = ANY ($1::text[]::"char"[])
   AND n.nspname !~ '^(pg_|information_schema$)'
 LIMIT 5000
