-- What: does the console's own state exist here, may we read it, and who owns it.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
SELECT has_schema_privilege(n.oid, 'USAGE')
       AND coalesce(bool_and(has_table_privilege(c.oid, 'SELECT')), false) AS readable,
       count(c.oid) = 4 AS complete,
       pg_get_userbyid(n.nspowner)::text AS owner
  FROM pg_catalog.pg_namespace n
  LEFT JOIN pg_catalog.pg_class c
    ON c.relnamespace = n.oid AND c.relname IN ('schema_version', 'run', 'quarantine', 'lease')
 WHERE n.nspname = 'devora_console'
 GROUP BY n.oid, n.nspowner
