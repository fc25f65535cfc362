-- What: the indexes an act on an index, a table (with its partitions and TOAST) or, for 0, the database is about.
-- Serves: 14 and later. Cost: catalogue. Grants: none.
WITH RECURSIVE family(oid) AS (
    SELECT $1::bigint::oid
    UNION
    SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN family f ON f.oid = h.inhparent
      JOIN pg_catalog.pg_class p ON p.oid = h.inhrelid WHERE p.relispartition
), tables(oid) AS (
    SELECT f.oid FROM family f
    UNION
    SELECT i.indrelid FROM family f JOIN pg_catalog.pg_index i ON i.indexrelid = f.oid
    UNION
    SELECT t.reltoastrelid FROM family f JOIN pg_catalog.pg_class t ON t.oid = f.oid WHERE t.reltoastrelid <> 0
)
SELECT c.oid::bigint AS oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       c.relname::text AS plain,
       i.indisvalid AS valid,
       i.indisexclusion AS exclusion,
       n.nspname = 'pg_toast' AS toast,
       $1::bigint = 0 OR c.oid IN (SELECT f.oid FROM family f) OR i.indrelid IN (SELECT f.oid FROM family f) AS meant,
       c.oid IN (SELECT p.index_relid FROM pg_catalog.pg_stat_progress_create_index p) AS being_built,
       pg_catalog.pg_relation_filenode(c.oid)::bigint AS file,
       c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS about_bytes
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'i'
   AND CASE WHEN $1::bigint = 0
            THEN c.relpersistence <> 't' AND c.oid >= 16384
             AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            ELSE i.indrelid IN (SELECT t.oid FROM tables t) END
 ORDER BY c.oid
