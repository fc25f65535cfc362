-- What: tsvector columns that a trigger of their table fills before INSERT and UPDATE, be it live or set aside.
--       A trigger fills the column that its function assigns.
-- Serves: 14 and later. Cost: catalogue only. Grants: owner of devora_console.
-- $1: table names in schema public.
WITH vector AS (
    SELECT c.oid AS place, c.relname AS table_name, a.attname, a.attnum
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname = ANY ($1::text[])
       AND a.atttypid = 'pg_catalog.tsvector'::regtype
), filler AS (
    SELECT t.tgrelid AS place, t.tgname::text AS name, t.tgfoid AS function, true AS live,
           ARRAY(SELECT a.attname::text FROM unnest(t.tgattr::int2[]) WITH ORDINALITY AS c (attnum, place)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = c.attnum
                  ORDER BY c.place) AS columns
      FROM pg_catalog.pg_trigger t
     WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 23 = 23  -- before, row, insert and update
    UNION ALL
    SELECT to_regclass(format('public.%I', s.table_name)), s.name, to_regprocedure(s.function), false, s.columns
      FROM devora_console.set_aside s
     WHERE s.kind = 'trigger' AND s.definition LIKE '% BEFORE INSERT OR UPDATE %'
)
SELECT DISTINCT ON (v.table_name, v.attnum)
       v.table_name::text AS table_name, v.attname::text AS column_name, f.name AS trigger_name,
       format('%I.%I()', n.nspname, p.proname) AS function, f.columns, f.live
  FROM vector v
  JOIN filler f ON f.place = v.place
  JOIN pg_catalog.pg_proc p ON p.oid = f.function
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosrc ~* ('\mnew\."?' || regexp_replace(v.attname, '(\W)', '\\\1', 'g') || '"?\s*:?=')
 ORDER BY v.table_name, v.attnum, f.live DESC, f.name
