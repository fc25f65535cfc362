-- What: the indexes an act on an index, a table (with its partitions and TOAST) or, for 0, the database is about.
-- at_work: a session builds it, or holds the lock by which it rebuilds or drops it; or builds something on its table
-- that we may not see.
-- Serves: 14 and later. Cost: catalogue. Grants: other users' progress needs pg_read_all_stats; locks tell the rest.
WITH RECURSIVE locks(relation, pid) AS (
    SELECT l.relation, l.pid FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.granted
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
       AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')
), family(oid) AS (
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
       EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
       OR EXISTS (SELECT FROM locks l WHERE l.relation = c.oid)
       OR EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p JOIN locks l ON l.pid = p.pid
                   WHERE p.index_relid IS NULL AND l.relation = i.indrelid) AS at_work,
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
