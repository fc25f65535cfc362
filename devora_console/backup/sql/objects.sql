-- What a database has besides rows, counted by kind; what extensions bring is not counted.
WITH own AS (
    SELECT n.oid
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
),
brought AS (SELECT d.classid, d.objid FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'),
relations AS (
    SELECT c.oid, c.relkind
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace IN (SELECT oid FROM own)
      AND c.relpersistence <> 't'
      AND NOT EXISTS (
          SELECT FROM brought b WHERE b.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND b.objid = c.oid
      )
)
SELECT 'tables' AS kind, count(*) AS count FROM relations WHERE relkind IN ('r', 'p', 'f')
UNION ALL SELECT 'views', count(*) FROM relations WHERE relkind IN ('v', 'm')
UNION ALL SELECT 'sequences', count(*) FROM relations WHERE relkind = 'S'
UNION ALL SELECT 'indexes', count(*) FROM pg_catalog.pg_index i WHERE i.indrelid IN (SELECT oid FROM relations)
UNION ALL SELECT 'constraints', count(*) FROM pg_catalog.pg_constraint k
    WHERE k.conrelid IN (SELECT oid FROM relations) AND k.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL SELECT 'triggers', count(*) FROM pg_catalog.pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgrelid IN (SELECT oid FROM relations)
UNION ALL SELECT 'policies', count(*) FROM pg_catalog.pg_policy p WHERE p.polrelid IN (SELECT oid FROM relations)
UNION ALL SELECT 'functions', count(*) FROM pg_catalog.pg_proc f
    WHERE f.pronamespace IN (SELECT oid FROM own)
      AND NOT EXISTS (
          SELECT FROM brought b WHERE b.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND b.objid = f.oid
      )
UNION ALL SELECT 'extensions', count(*) FROM pg_catalog.pg_extension
