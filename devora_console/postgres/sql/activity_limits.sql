-- What: how many connections there may be, how long a query text may be, and how far this user's rights reach.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT pg_catalog.current_setting('max_connections')::integer AS max_connections,
       pg_catalog.current_setting('superuser_reserved_connections')::integer
         + coalesce(pg_catalog.current_setting('reserved_connections', true)::integer, 0) AS reserved,
       pg_catalog.pg_size_bytes(pg_catalog.current_setting('track_activity_query_size'))::integer AS query_bytes,
       pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS reads_stats,
       pg_catalog.pg_has_role('pg_read_all_stats', 'MEMBER') AS may_read_stats,
       pg_catalog.quote_ident(current_user) AS "user"
