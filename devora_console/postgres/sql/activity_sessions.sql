-- What: every session of the server: what it does, since when, what it waits for and who makes it wait.
-- Serves: 14 and later. Cost: one look at the sessions; pg_blocking_pids and pg_locks only where somebody waits for a
-- lock. Grants: none for one's own sessions, pg_read_all_stats to see what others do.
-- $1: whether blockers are wanted. $2: how texts travel: 'send' as the bytes they are (our database is UTF8), 'bytes'
-- around the conversion of our database, else the query's not at all. They may be in another database's encoding.
WITH waiting AS MATERIALIZED (
    SELECT l.pid, min(l.waitstart) AS since FROM pg_catalog.pg_locks l WHERE NOT l.granted GROUP BY l.pid
)
SELECT a.pid,
       a.leader_pid,
       a.datid::bigint AS database_oid,
       pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding,
       ARRAY(SELECT CASE $2::text WHEN 'send' THEN pg_catalog.textsend(t.word)
                                  WHEN 'bytes' THEN pg_catalog.replace(t.word, '\', '\\')::bytea
                                  ELSE CASE WHEN t.n <> 4 THEN pg_catalog.textsend(t.word) END END
               FROM pg_catalog.unnest(ARRAY[a.datname::text, a.usename::text, a.application_name, a.query,
                                            a.backend_type]) WITH ORDINALITY t(word, n)
              ORDER BY t.n) AS texts,
       CASE WHEN a.client_addr IS NOT NULL THEN pg_catalog.host(a.client_addr) || ':' || a.client_port
            WHEN a.client_port = -1 THEN 'local' END AS client,
       a.usesysid IS NOT NULL AS has_user,
       a.query IS NOT DISTINCT FROM '<insufficient privilege>' AND a.state IS NULL AS hidden,
       a.state,
       a.wait_event_type AS wait_type,
       a.wait_event AS wait_event,
       a.query_id,
       a.backend_start,
       a.xact_start,
       a.query_start,
       extract(epoch FROM s.now - a.xact_start)::double precision AS transaction_seconds,
       extract(epoch FROM s.now - a.query_start)::double precision AS statement_seconds,
       extract(epoch FROM s.now - a.state_change)::double precision AS state_seconds,
       pg_catalog.age(a.backend_xid) AS xid_age,
       pg_catalog.age(a.backend_xmin) AS xmin_age,
       CASE WHEN $1 AND a.wait_event_type = 'Lock'
            THEN (SELECT extract(epoch FROM s.now - w.since)::double precision
                    FROM waiting w WHERE w.pid = a.pid) END AS wait_seconds,
       CASE WHEN $1 AND a.wait_event_type = 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) END AS blocked_by,
       s.now
  FROM pg_catalog.pg_stat_activity a
       CROSS JOIN (SELECT pg_catalog.clock_timestamp() AS now) s
       LEFT JOIN pg_catalog.pg_database d ON d.oid = a.datid
 WHERE a.pid <> pg_catalog.pg_backend_pid()
