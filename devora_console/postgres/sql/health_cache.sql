-- What: block accesses of user tables (with their TOAST tables) and of indexes that were accessed at all.
-- Serves: 14 and later. Cost: the counters of every table and index. Grants: none.
SELECT t.relid::bigint AS oid, t.schemaname::text AS schema, t.relname::text AS name, NULL::text AS of_table,
       (coalesce(t.heap_blks_hit, 0) + coalesce(t.toast_blks_hit, 0))::bigint AS hit,
       (coalesce(t.heap_blks_read, 0) + coalesce(t.toast_blks_read, 0))::bigint AS read
  FROM pg_catalog.pg_statio_user_tables t
 WHERE t.heap_blks_hit + t.heap_blks_read + coalesce(t.toast_blks_hit + t.toast_blks_read, 0) > 0
UNION ALL
SELECT i.indexrelid::bigint, i.schemaname::text, i.indexrelname::text, i.relname::text, i.idx_blks_hit, i.idx_blks_read
  FROM pg_catalog.pg_statio_user_indexes i
 WHERE i.idx_blks_hit + i.idx_blks_read > 0
