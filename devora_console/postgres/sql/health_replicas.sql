-- What: who receives the write-ahead log from this server, and how far each has come.
-- Serves: 14 and later. Cost: nothing. Grants: pg_read_all_stats for how far; that they are there shows anyhow.
SELECT r.pid, textsend(r.application_name) AS application, r.state, r.sync_state,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                            ELSE pg_current_wal_lsn() END, r.replay_lsn)::bigint AS behind_bytes,
       extract(epoch FROM r.replay_lag)::float8 AS lag_seconds
  FROM pg_catalog.pg_stat_replication r
 ORDER BY behind_bytes DESC NULLS LAST, r.pid
