-- What: the extensions of this database with their versions and schemas.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT e.extname::text AS name, e.extversion AS version, n.nspname::text AS schema
  FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
