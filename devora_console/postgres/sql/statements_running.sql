-- What: statements that have been running for at least $1 milliseconds, and sessions whose statement is hidden.
-- Serves: 14 and later. Cost: nothing. Grants: pg_read_all_stats for sessions of others.
-- Texts are in the encoding of their own database: only their bytes can be read without an error,
-- and textsend converts or checks them unless this one is UTF8.
SELECT a.pid, a.usesysid AS userid, a.datid AS dbid, a.query_id AS queryid, a.state, a.query_start AS started,
       1000 * extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS ms,
       a.wait_event_type || ': ' || a.wait_event AS waits_for,
       CASE current_setting('server_encoding') WHEN 'UTF8' THEN textsend(a.usename::text)
            ELSE replace(a.usename::text, '\', '\\')::bytea END AS "user",
       CASE current_setting('server_encoding') WHEN 'UTF8' THEN textsend(a.datname::text)
            ELSE replace(a.datname::text, '\', '\\')::bytea END AS database,
       pg_encoding_to_char(d.encoding)::text AS encoding,
       CASE current_setting('server_encoding') WHEN 'UTF8' THEN textsend(a.query)
            ELSE replace(a.query, '\', '\\')::bytea END AS text,
       octet_length(a.query) >= pg_size_bytes(current_setting('track_activity_query_size')) - 4 AS cut
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_database d ON d.oid = a.datid
 WHERE a.pid <> pg_backend_pid()
   AND a.leader_pid IS NULL
   AND (a.state = 'disabled'
        OR (a.state IS NULL AND a.query = '<insufficient privilege>' AND a.usesysid IS NOT NULL)
        OR (a.state IN ('active', 'fastpath function call') AND a.backend_type = 'client backend'
            AND a.query_start <= clock_timestamp() - $1::float8 * interval '1 millisecond'))
