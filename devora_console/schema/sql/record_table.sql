-- answers: is there a table of applied versions, and may we read it
-- serves: 14 on; cost: nothing; needs: nothing
SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
       pg_get_userbyid(c.relowner) AS owner
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'devora_console' AND c.relname = 'schema_version'
