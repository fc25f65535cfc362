-- What: what the target asks of a row beyond types, lengths and NOT NULL: CHECKs, and whatever else may refuse it.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
-- Run with search_path = pg_catalog, so that every name is qualified. $1: table names in schema public.
SELECT c.relname AS table_name, k.conname AS name,
       CASE k.contype WHEN 'c' THEN pg_get_expr(k.conbin, k.conrelid) END AS expression
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'public'
   AND c.relname = ANY ($1::text[])
   AND k.contype NOT IN ('p', 'u', 'f', 'n', 't')
UNION ALL
SELECT c.relname, a.attname, NULL
  FROM pg_attribute a
  JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_type t ON t.oid = a.atttypid
 WHERE n.nspname = 'public'
   AND c.relname = ANY ($1::text[])
   AND a.attnum > 0
   AND NOT a.attisdropped
   AND (t.typtype <> 'b' OR a.attgenerated <> '')
 ORDER BY 1, 2
