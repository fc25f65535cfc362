-- What: when the counters of this database, and those of the whole server, began.
-- Serves: 14 and 15 (one view of the whole server). Cost: nothing. Grants: none.
SELECT d.stats_reset AS database_reset,
       b.stats_reset AS shared_reset,
       pg_postmaster_start_time() AS started,
       clock_timestamp() AS now
  FROM pg_catalog.pg_stat_database d, pg_catalog.pg_stat_bgwriter b
 WHERE d.datname = current_database()
