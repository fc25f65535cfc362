-- What: whether counters elsewhere count too (replicas count their own scans), and under which user we look.
-- Serves: 14 and later. Cost: nothing. Grants: none (sessions that send WAL are visible to all, what they do is not).
SELECT pg_is_in_recovery() AS in_recovery,
       (SELECT count(*)::integer FROM pg_catalog.pg_stat_replication r
         WHERE coalesce(r.state, '') <> 'backup'
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s
                            WHERE s.active_pid = r.pid AND s.slot_type = 'logical')) AS replicas,
       (SELECT count(*)::integer FROM pg_catalog.pg_replication_slots s
         WHERE s.slot_type = 'physical' AND NOT s.active) AS absent_replicas
