-- What: the oldest moment at which, by its own statistics, this database was there: asked where the moment it was made
--       may not be read. Statistics are not copied with a database, so the trace is its own.
-- Serves: 14 and later. Cost: one pass over pg_class. Grants: none.
SELECT least(min(least(pg_stat_get_last_vacuum_time(c.oid),
                       pg_stat_get_last_autovacuum_time(c.oid),
                       pg_stat_get_last_analyze_time(c.oid),
                       pg_stat_get_last_autoanalyze_time(c.oid))),
             (SELECT d.stats_reset FROM pg_catalog.pg_stat_database d WHERE d.datname = current_database())) AS seen
  FROM pg_catalog.pg_class c
 WHERE c.relkind IN ('r', 't', 'm')
