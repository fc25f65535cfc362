-- What: how far a session is with vacuum, analyze, an index or a rewrite; and whom it waits for.
-- Serves: 14 and later. Cost: nothing; pg_blocking_pids when it waits for a lock. Grants: none for one's own session.
SELECT a.wait_event_type = 'Lock' AS waits,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) END AS blocked_by,
       p.phase, p.done, p.total, p.unit
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN LATERAL (
       SELECT v.phase, v.heap_blks_scanned AS done, v.heap_blks_total AS total, 'blocks' AS unit
         FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid
       UNION ALL
       SELECT v.phase, v.sample_blks_scanned, v.sample_blks_total, 'sampled blocks'
         FROM pg_catalog.pg_stat_progress_analyze v WHERE v.pid = a.pid
       UNION ALL
       SELECT v.phase,
              CASE WHEN v.lockers_total > 0 THEN v.lockers_done
                   WHEN v.blocks_total > 0 THEN v.blocks_done ELSE v.tuples_done END,
              CASE WHEN v.lockers_total > 0 THEN v.lockers_total
                   WHEN v.blocks_total > 0 THEN v.blocks_total ELSE v.tuples_total END,
              CASE WHEN v.lockers_total > 0 THEN 'transactions'
                   WHEN v.blocks_total > 0 THEN 'blocks' ELSE 'rows' END
         FROM pg_catalog.pg_stat_progress_create_index v WHERE v.pid = a.pid
       UNION ALL
       SELECT v.phase, v.heap_blks_scanned, v.heap_blks_total, 'blocks'
         FROM pg_catalog.pg_stat_progress_cluster v WHERE v.pid = a.pid) p ON true
 WHERE a.pid = $1
