-- What: the clock, since when the server runs, and how often statements were evicted since which reset.
-- Serves: extension 1.9 and later. Cost: nothing. Grants: none. {schema} is the extension's, quoted.
SELECT clock_timestamp() AS now, pg_postmaster_start_time() AS started, i.dealloc, i.stats_reset AS reset
  FROM {schema}.pg_stat_statements_info() i
