-- What: a standby: whether it receives, how much of what it received is not replayed yet, and how old the last replayed
--       transaction is (which says nothing where the primary does nothing).
-- Serves: 14 and later. Cost: nothing. Grants: none; whether a primary is named at all needs a superuser.
SELECT pg_is_in_recovery() AS standby,
       (SELECT count(*) > 0 FROM pg_catalog.pg_stat_wal_receiver) AS receiving,
       (SELECT s.setting <> '' FROM pg_catalog.pg_settings s WHERE s.name = 'primary_conninfo') AS streams,
       CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END AS paused,
       CASE WHEN pg_is_in_recovery()
            THEN pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint END AS waiting_bytes,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS seconds,
       (SELECT s.setting::float8 / 1000 FROM pg_catalog.pg_settings s WHERE s.name = 'recovery_min_apply_delay')
           AS delay_seconds
