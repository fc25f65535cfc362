-- What: replication slots, what they keep of the write-ahead log, and whether it is still all there.
-- Serves: 14 to 16. Cost: nothing. Grants: none.
SELECT s.slot_name::text AS name, s.slot_type AS kind, textsend(s.database::text) AS database, s.temporary, s.active,
       s.wal_status, CASE WHEN s.restart_lsn IS NOT NULL THEN s.safe_wal_size END AS safe_bytes,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                            ELSE pg_current_wal_lsn() END, s.restart_lsn)::bigint AS kept_bytes,
       NULL::float8 AS inactive_seconds,
       NULL::text AS invalid
  FROM pg_catalog.pg_replication_slots s
 ORDER BY kept_bytes DESC NULLS LAST, name
