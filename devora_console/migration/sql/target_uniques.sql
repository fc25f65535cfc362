-- What: unique indexes other than primary keys, with each key as SQL text, and the predicate.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
-- $1: table names in schema public.
SELECT c.relname AS table_name,
       i.relname AS index_name,
       x.indisprimary AS is_primary,
       array(SELECT pg_get_indexdef(x.indexrelid, k::int, false)
               FROM generate_series(1, x.indnkeyatts) AS k ORDER BY k) AS keys,
       array(SELECT a.attname::text
               FROM pg_depend d
               JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = d.refobjsubid
              WHERE d.refobjid = x.indrelid AND d.refobjsubid > 0
                AND (d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
                     OR d.classid = 'pg_constraint'::regclass
                        AND d.objid = (SELECT oid FROM pg_constraint WHERE conindid = x.indexrelid AND contype = 'u'))
              ORDER BY 1) AS columns,
       pg_get_expr(x.indpred, x.indrelid, false) AS predicate
  FROM pg_index x
  JOIN pg_class c ON c.oid = x.indrelid
  JOIN pg_class i ON i.oid = x.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public'
   AND c.relname = ANY ($1::text[])
   AND x.indisunique
 ORDER BY c.relname, i.relname
