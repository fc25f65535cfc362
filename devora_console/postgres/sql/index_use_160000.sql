-- What: how often each index was used, and when last.
-- Serves: 16 and later (last_idx_scan). Cost: one pass over pg_index. Grants: none.
SELECT i.indexrelid::bigint AS oid,
       pg_stat_get_numscans(i.indexrelid) AS scans,
       pg_stat_get_lastscan(i.indexrelid) AS last_scan,
       i.indnullsnotdistinct AS nulls_not_distinct
  FROM pg_catalog.pg_index i
 WHERE i.indexrelid >= 16384
