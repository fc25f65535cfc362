-- What: as health_sizes.sql, all from relpages: for when a lock came in between or the files take too long to look at.
-- Serves: 14 and later. Cost: catalogue. Grants: none. $1: rows at most.
WITH pages AS (
    SELECT i.indrelid AS oid, sum(c.relpages)::bigint AS pages
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid GROUP BY i.indrelid
), each AS (
    SELECT c.oid, coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid) AS root, true AS guessed,
           (greatest(c.relpages, 0) + coalesce(t.relpages, 0)) * current_setting('block_size')::bigint AS data,
           coalesce(p.pages, 0) * current_setting('block_size')::bigint AS indexes
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
      LEFT JOIN pages p ON p.oid = c.oid
     WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
       AND n.nspname NOT IN ('pg_catalog', 'information_schema')
)
SELECT e.root::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name, count(*)::integer AS parts,
       c.relkind = 'p' AS partitioned, sum(e.data)::bigint AS data, sum(e.indexes)::bigint AS indexes,
       bool_or(e.guessed) AS guessed,
       count(*) OVER ()::integer AS total, (sum(sum(e.data + e.indexes)) OVER ())::bigint AS all_bytes
  FROM each e
  JOIN pg_catalog.pg_class c ON c.oid = e.root
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 GROUP BY e.root, n.nspname, c.relname, c.relkind
 ORDER BY sum(e.data + e.indexes) DESC NULLS LAST, e.root
 LIMIT $1::integer
