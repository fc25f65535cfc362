-- What: when the counters of this database, and those of the whole server, began; whether the latter all began at the
--       same moment, as they do when the server begins anew (with its making, a copy, or a crash) and in no other way.
-- Serves: 17 and later (pg_stat_checkpointer). Cost: nothing. Grants: none.
SELECT d.stats_reset AS database_reset,
       least(b.stats_reset, a.stats_reset, s.first, io.first, c.stats_reset) AS shared_reset,
       b.stats_reset = a.stats_reset AND s.first = a.stats_reset AND s.last = a.stats_reset AS at_once,
       false AS begun_by_start,
       pg_is_in_recovery() AS standby,
       pg_postmaster_start_time() AS started,
       clock_timestamp() AS now
  FROM pg_catalog.pg_stat_database d, pg_catalog.pg_stat_bgwriter b, pg_catalog.pg_stat_archiver a,
       (SELECT min(r.stats_reset) AS first, max(r.stats_reset) AS last FROM pg_catalog.pg_stat_slru r) s, pg_catalog.pg_stat_checkpointer c,
       (SELECT min(v.stats_reset) AS first FROM pg_catalog.pg_stat_io v) io
 WHERE d.datname = current_database()
