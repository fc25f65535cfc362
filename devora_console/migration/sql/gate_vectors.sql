-- What: every column of a search vector in the tables of schema public that is filled by a trigger or by nobody (not
--       computed by the server) and may be missing, and the size of its table.
-- Serves: 14 and later. Cost: catalogue, and the size of a few tables. Grants: none.
SELECT c.relname::text AS table_name, a.attname::text AS column_name, pg_catalog.pg_relation_size(c.oid) AS bytes
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND a.atttypid = 'pg_catalog.tsvector'::regtype AND a.attgenerated = '' AND NOT a.attnotnull
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY c.relname, a.attnum
