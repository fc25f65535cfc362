-- What: is the library of pg_stat_statements loaded, since it alone collects.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT current_setting('pg_stat_statements.max', true) IS NOT NULL AS loaded,
       current_setting('pg_stat_statements.track', true) AS track
