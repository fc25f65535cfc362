-- What: the relation with exactly this SCHEMA.TABLE, as the catalogue spells it.
-- Serves: 14 and later. Cost: catalogue. Grants: none.
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname || '.' || c.relname = $1::text
 LIMIT 3
