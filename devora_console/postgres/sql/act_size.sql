-- What: bytes of a relation: itself, and with its indexes and TOAST (the whole database for 0).
-- Serves: 14 and later. Cost: a look at its files. Grants: none. Waits behind AccessExclusiveLock.
SELECT CASE WHEN $1::bigint = 0 THEN pg_catalog.pg_database_size(pg_catalog.current_database())
            ELSE pg_catalog.pg_relation_size($1::bigint::oid) END AS own,
       CASE WHEN $1::bigint = 0 THEN pg_catalog.pg_database_size(pg_catalog.current_database())
            ELSE pg_catalog.pg_total_relation_size($1::bigint::oid) END AS total
