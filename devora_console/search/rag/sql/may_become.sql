-- What: whether this login may take on the role $1.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = $1 AND pg_catalog.pg_has_role(r.oid, 'MEMBER'))
