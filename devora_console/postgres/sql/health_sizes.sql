-- What: tables with all partitions, TOAST and indexes, largest first. Whatever is under AccessExclusiveLock, held or
--       awaited, is not opened but taken as relpages (guessed). $1: rows at most.
-- Serves: 14 and later. Cost: a look at every file of the tables. Grants: none.
WITH barred AS MATERIALIZED (
    SELECT DISTINCT l.relation FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
), shut AS MATERIALIZED (
    SELECT b.relation AS oid FROM barred b
    UNION SELECT i.indrelid FROM pg_catalog.pg_index i JOIN barred b ON b.relation = i.indexrelid
    UNION SELECT t.oid FROM pg_catalog.pg_class t JOIN barred b ON b.relation = t.reltoastrelid
    UNION SELECT t.oid FROM pg_catalog.pg_class t JOIN pg_catalog.pg_index i ON i.indrelid = t.reltoastrelid
            JOIN barred b ON b.relation = i.indexrelid
), pages AS (
    SELECT i.indrelid AS oid, sum(c.relpages)::bigint AS pages
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid GROUP BY i.indrelid
), each AS (
    SELECT c.oid, coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid) AS root, x.oid IS NOT NULL AS guessed,
           CASE WHEN x.oid IS NULL THEN pg_catalog.pg_table_size(c.oid)
                ELSE (greatest(c.relpages, 0) + coalesce(t.relpages, 0)) * current_setting('block_size')::bigint
           END AS data,
           CASE WHEN x.oid IS NULL THEN pg_catalog.pg_indexes_size(c.oid)
                ELSE coalesce(p.pages, 0) * current_setting('block_size')::bigint END AS indexes
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
      LEFT JOIN pages p ON p.oid = c.oid
      LEFT JOIN shut x ON x.oid = c.oid
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
