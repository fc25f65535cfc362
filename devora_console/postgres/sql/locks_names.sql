-- What: the names of relations of this database, by OID; reads the catalogue only and so waits for nobody's table.
-- Serves: 14 and later. Cost: index scans. Grants: none.
SELECT c.oid::bigint AS oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = ANY ($1::bigint[]::oid[])
