-- What: the statement that would make an index anew.
-- Serves: 14 and later. Cost: nothing. Grants: none. Waits behind AccessExclusiveLock.
SELECT pg_catalog.pg_get_indexdef($1::bigint::oid) AS definition
