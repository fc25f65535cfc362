-- What: the guide's list of how often indexes are used, as it works.
-- Serves: 14 and later. Cost: one pass over pg_index. Grants: none.
SELECT schemaname,
       relname,
       indexrelname,
       idx_scan AS scans,
       idx_tup_read AS tuples_read,
       idx_tup_fetch AS tuples_fetched
  FROM pg_stat_user_indexes
 ORDER BY idx_scan ASC
