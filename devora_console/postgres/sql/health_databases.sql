-- What: the sizes of the databases this user may know.
-- Serves: 14 and later. Cost: a look at every file. Grants: CONNECT on them, or pg_read_all_stats.
SELECT textsend(d.datname::text) AS name,
       CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE')
            THEN pg_catalog.pg_database_size(d.oid) END AS bytes
  FROM pg_catalog.pg_database d
 WHERE NOT d.datistemplate
 ORDER BY 2 DESC NULLS LAST, 1
