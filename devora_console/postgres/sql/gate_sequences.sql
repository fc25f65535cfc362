-- What: every column that a sequence feeds (identity, OWNED BY, or a default), outside the console's own schema.
--       comparable: its values are numbers, so that "beyond the last one" means something.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
WITH fed AS (
    SELECT d.objid AS seq, d.refobjid AS tab, d.refobjsubid::integer AS col
      FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
       AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    SELECT d.refobjid, f.adrelid, f.adnum::integer
      FROM pg_catalog.pg_depend d
      JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
     WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
)
SELECT n.nspname::text AS seq_schema, c.relname::text AS seq_name, s.seqincrement AS increment,
       tn.nspname::text AS table_schema, t.relname::text AS table_name, a.attname::text AS column_name,
       CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.oid END
           IN ('pg_catalog.int2'::regtype, 'pg_catalog.int4'::regtype, 'pg_catalog.int8'::regtype,
               'pg_catalog.numeric'::regtype) AS comparable
  FROM fed f
  JOIN pg_catalog.pg_sequence s ON s.seqrelid = f.seq
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid AND c.relpersistence <> 't'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class t ON t.oid = f.tab
  JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = f.tab AND a.attnum = f.col AND NOT a.attisdropped
  JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
 WHERE tn.nspname NOT IN ('devora_console', 'pg_catalog', 'information_schema')
 ORDER BY tn.nspname, t.relname, a.attnum, n.nspname, c.relname
