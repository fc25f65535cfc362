-- What: whether this user may maintain a table without owning it: MAINTAIN on it, or pg_maintain.
-- Serves: 17 and later. Cost: nothing. Grants: none.
SELECT coalesce(pg_catalog.has_table_privilege($1::bigint::oid, 'MAINTAIN'), false) AS maintains
