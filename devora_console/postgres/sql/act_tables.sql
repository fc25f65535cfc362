-- What: a table, or the tables a partitioned one consists of, or every table of users for 0, with what vacuum and
-- analyze have counted for them, and the file each is in.
-- Serves: 14 and later. Cost: catalogue. Grants: none.
WITH RECURSIVE family(oid) AS (
    SELECT $1::bigint::oid
    UNION
    SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN family f ON f.oid = h.inhparent
      JOIN pg_catalog.pg_class p ON p.oid = h.inhrelid WHERE p.relispartition
)
SELECT c.oid::bigint AS oid,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
       pg_catalog.pg_stat_get_vacuum_count(c.oid) AS vacuums,
       pg_catalog.pg_stat_get_analyze_count(c.oid) AS analyzes,
       pg_catalog.pg_relation_filenode(c.oid)::bigint AS file
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm')
   AND CASE WHEN $1::bigint = 0
            THEN c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
            ELSE c.oid IN (SELECT f.oid FROM family f) END
