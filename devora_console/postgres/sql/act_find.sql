-- What: relations of these names. Reads the catalogue only.
-- Serves: 14 and later. Cost: index scans. Grants: none.
-- $1: schema or NULL for every schema of users. $2: spellings of the name. $3: kinds (relkind).
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = ANY ($2::text[])
   AND c.relkind = ANY ($3::text[]::"char"[])
   AND CASE WHEN $1::text IS NULL
            THEN n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_'
            ELSE n.nspname = $1 END
 ORDER BY n.nspname, c.relname
