-- What: every foreign key of one column between tables of schema public.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
SELECT c.relname AS table_name,
       a.attname AS column_name,
       r.relname AS referenced,
       ra.attname AS key
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_class r ON r.oid = k.confrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
  JOIN pg_attribute ra ON ra.attrelid = r.oid AND ra.attnum = k.confkey[1]
 WHERE n.nspname = 'public'
   AND k.contype = 'f'
   AND k.conparentid = 0
   AND array_length(k.conkey, 1) = 1
 ORDER BY 1, 2
