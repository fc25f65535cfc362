-- What stands in the way of a restore: relations, functions, types and schemas that no extension brought.
WITH brought AS (SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'),
own AS (
    SELECT n.oid, n.nspname
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'table' END
           AS kind,
       pg_catalog.format('%I.%I', own.nspname, c.relname) AS name
FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND NOT EXISTS (SELECT FROM brought b WHERE b.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND b.objid = c.oid)
UNION ALL
SELECT 'function', pg_catalog.format('%I.%I', own.nspname, f.proname)
FROM pg_catalog.pg_proc f JOIN own ON own.oid = f.pronamespace
WHERE NOT EXISTS (SELECT FROM brought b WHERE b.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND b.objid = f.oid)
UNION ALL
SELECT 'type', pg_catalog.format('%I.%I', own.nspname, t.typname)
FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'r')
  AND NOT EXISTS (SELECT FROM brought b WHERE b.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND b.objid = t.oid)
UNION ALL
SELECT 'schema', pg_catalog.quote_ident(own.nspname)
FROM own
WHERE own.nspname <> 'public'
  AND NOT EXISTS (
      SELECT FROM brought b WHERE b.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND b.objid = own.oid
  )
ORDER BY 1, 2
