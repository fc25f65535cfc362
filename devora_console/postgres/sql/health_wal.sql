-- What: write-ahead log made since the counters began, and how often its buffers were full.
-- Serves: 14 and later (Aurora refuses). Cost: one row. Grants: none.
SELECT w.wal_bytes::bigint AS wal_bytes, w.wal_fpi::bigint AS full_pages, w.wal_buffers_full::bigint AS buffers_full,
       w.stats_reset AS since
  FROM pg_catalog.pg_stat_wal w
