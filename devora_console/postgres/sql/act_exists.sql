-- What: which of these relations are still there.
-- Serves: 14 and later. Cost: index scans. Grants: none.
SELECT c.oid::bigint AS oid FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::bigint[]::oid[])
