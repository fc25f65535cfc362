-- What: a session that is to be signalled: which it is, what it does, and whether this user may signal it.
-- $2: how the text of its query travels, as in activity_sessions.
-- Serves: 14 and later. Cost: one look at the sessions. Grants: none; pg_read_all_stats to see others.
SELECT a.pid,
       a.leader_pid,
       a.backend_start,
       a.query_start,
       a.backend_start::text AS started_literal,
       a.query_start::text AS statement_literal,
       a.backend_type,
       a.state,
       a.state IS NULL AND a.query = '<insufficient privilege>' AS hidden,
       pg_catalog.textsend(a.usename::text) AS "user",
       pg_catalog.textsend(a.datname::text) AS database,
       a.application_name AS application,
       coalesce(r.rolsuper, false) AS superuser,
       a.usesysid IS NOT NULL AND pg_catalog.pg_has_role(a.usesysid, 'USAGE') AS same_role,
       pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') AS signals,
       coalesce((SELECT pg_catalog.pg_has_role(s.oid, 'USAGE') FROM pg_catalog.pg_roles s
                  WHERE s.rolname = 'pg_signal_autovacuum_worker'), false) AS signals_autovacuum,
       CASE WHEN a.backend_type = 'autovacuum worker'
            THEN a.query LIKE '%(to prevent wraparound)' ELSE false END AS wraparound,
       CASE $2::text WHEN 'send' THEN pg_catalog.textsend(a.query)
                     ELSE pg_catalog.replace(a.query, '\', '\\')::bytea END AS query,
       (SELECT pg_catalog.pg_encoding_to_char(d.encoding)::text FROM pg_catalog.pg_database d
         WHERE d.oid = a.datid) AS encoding,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::double precision AS state_seconds,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start)::double precision AS statement_seconds
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
 WHERE a.pid = $1
