-- What: how often each index was used, and what changed between versions about indexes.
-- Serves: 15 (NULLS NOT DISTINCT). Cost: one pass over pg_index. Grants: none.
SELECT i.indexrelid::bigint AS oid,
       pg_stat_get_numscans(i.indexrelid) AS scans,
       NULL::timestamptz AS last_scan,
       i.indnullsnotdistinct AS nulls_not_distinct
  FROM pg_catalog.pg_index i
 WHERE i.indexrelid >= 16384
