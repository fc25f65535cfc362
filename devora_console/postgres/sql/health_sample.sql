-- What: the counters of this database and when they began. For HealthSample.
-- Serves: 14 to 16. Cost: one row. Grants: none.
SELECT clock_timestamp() AS as_of,
       d.datid::bigint AS database,
       d.stats_reset AS since,
       b.stats_reset AS shared_since,
       d.blks_hit AS blocks_hit,
       d.blks_read AS blocks_read,
       CASE WHEN current_setting('track_io_timing')::boolean THEN d.blk_read_time END AS read_ms,
       d.xact_commit AS commits,
       d.xact_rollback AS rollbacks,
       d.deadlocks,
       d.temp_files,
       d.temp_bytes,
       d.checksum_failures,
       current_setting('track_counts')::boolean AS counting,
       b.checkpoints_timed,
       b.checkpoints_req AS checkpoints_requested,
       (SELECT coalesce(sum(pg_catalog.pg_stat_get_dead_tuples(c.oid)), 0)::bigint
          FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'm', 't')) AS dead_rows,
       (SELECT max(age(o.datfrozenxid)) FROM pg_catalog.pg_database o) AS oldest_xid_age
  FROM pg_catalog.pg_stat_database d, pg_catalog.pg_stat_bgwriter b
 WHERE d.datname = current_database()
