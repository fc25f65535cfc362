-- What: the server's clock.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT clock_timestamp()
