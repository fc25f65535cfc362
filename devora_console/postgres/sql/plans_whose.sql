-- What: who this session is, for the planning of a statement.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT r.oid::bigint AS role, r.rolname::text AS name
  FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
