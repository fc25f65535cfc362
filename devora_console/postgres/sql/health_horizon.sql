-- What: who keeps dead rows of this database from being removed: sessions, prepared transactions, replication slots.
-- Ages in transactions (age(), as ids wrap around). Names may be in any encoding, and so travel as bytes.
-- A VACUUM's own snapshot and a slot that was invalidated hold nothing back, and are left out.
-- Serves: 14 and later. Cost: nothing. Grants: pg_read_all_stats for the times and states of others.
SELECT CASE WHEN a.backend_type = 'walsender' OR w.pid IS NOT NULL THEN 'walsender' ELSE 'session' END AS kind,
       textsend(a.pid::text) AS name, textsend(a.usename::text) AS "user",
       textsend(a.application_name) AS application, a.state,
       greatest(age(a.backend_xmin), age(a.backend_xid))::bigint AS age, NULL::bigint AS catalog_age,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS seconds, a.xact_start AS since,
       NULL::boolean AS active
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN pg_catalog.pg_stat_replication w ON w.pid = a.pid
 WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
   AND a.pid <> pg_backend_pid()
   AND (a.datname = current_database() OR a.backend_type = 'walsender' OR w.pid IS NOT NULL)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid)
UNION ALL
SELECT 'prepared transaction', textsend(p.gid), textsend(p.owner::text), NULL, NULL, age(p.transaction)::bigint, NULL,
       extract(epoch FROM clock_timestamp() - p.prepared)::float8, p.prepared, NULL
  FROM pg_catalog.pg_prepared_xacts p
 WHERE p.database = current_database()
UNION ALL
SELECT 'replication slot', textsend(s.slot_name::text), NULL, NULL, s.slot_type, age(s.xmin)::bigint,
       age(s.catalog_xmin)::bigint, NULL, NULL, s.active
  FROM pg_catalog.pg_replication_slots s
 WHERE (s.xmin IS NOT NULL OR s.catalog_xmin IS NOT NULL) AND s.wal_status IS DISTINCT FROM 'lost'
 ORDER BY age DESC NULLS LAST, catalog_age DESC NULLS LAST, kind, name
