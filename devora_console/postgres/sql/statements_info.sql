-- What: the clock, and since when the server runs. Asked before and after the numbers.
-- Serves: extension 1.8, which does not tell of resets and evictions. Cost: nothing. Grants: none.
SELECT clock_timestamp() AS now, pg_postmaster_start_time() AS started,
       NULL::bigint AS dealloc, NULL::timestamptz AS reset
