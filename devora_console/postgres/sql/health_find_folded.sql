-- What: the relations a name may mean as SQL reads it: folded unless quoted, with or without schema.
-- Serves: 14 and later. Cost: catalogue. Grants: none.
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE ARRAY[n.nspname, c.relname]::text[] = parse_ident($1::text)
    OR (ARRAY[c.relname]::text[] = parse_ident($1::text)
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast'))
 ORDER BY n.nspname
 LIMIT 3
