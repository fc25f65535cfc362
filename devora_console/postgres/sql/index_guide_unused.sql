-- What: the guide's list of indexes that were never scanned, as it works.
-- Serves: 14 and later. Cost: one pass over pg_index. Grants: none.
SELECT schemaname,
       relname,
       indexrelname
  FROM pg_stat_user_indexes
 WHERE idx_scan = 0
   AND indexrelname NOT LIKE '%\_pkey'
