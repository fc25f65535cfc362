-- What: foreign keys of one column between the target's tables.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
-- $1: table names in schema public.
SELECT c.relname AS table_name,
       k.conname AS constraint_name,
       a.attname AS column_name,
       r.relname AS referenced
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_class r ON r.oid = k.confrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
 WHERE n.nspname = 'public'
   AND k.contype = 'f'
   AND array_length(k.conkey, 1) = 1
   AND c.relname = ANY ($1::text[])
 ORDER BY c.relname, k.conname
