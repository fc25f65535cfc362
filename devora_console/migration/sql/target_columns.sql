-- What: the columns of the target's tables, with type, length and nullability.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
-- $1: table names in schema public.
SELECT c.oid AS table_oid,
       c.relname AS table_name,
       a.attname AS column_name,
       t.typname AS type_name,
       a.atttypmod AS typmod,
       a.attnotnull AS not_null,
       a.atthasdef AS has_default,
       a.attgenerated <> '' AS generated,
       pg_has_role(c.relowner, 'USAGE') AS owned
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
 WHERE n.nspname = 'public'
   AND c.relkind IN ('r', 'p')
   AND c.relname = ANY ($1::text[])
 ORDER BY c.relname, a.attnum
