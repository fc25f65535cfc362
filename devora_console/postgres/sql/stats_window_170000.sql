-- What: when the counters of this database, and those of the whole server, began.
-- Serves: 17 and later (pg_stat_checkpointer). Cost: nothing. Grants: none.
SELECT d.stats_reset AS database_reset,
       least(b.stats_reset, c.stats_reset, (SELECT min(io.stats_reset) FROM pg_catalog.pg_stat_io io)) AS shared_reset,
       pg_postmaster_start_time() AS started,
       clock_timestamp() AS now
  FROM pg_catalog.pg_stat_database d, pg_catalog.pg_stat_bgwriter b, pg_catalog.pg_stat_checkpointer c
 WHERE d.datname = current_database()
