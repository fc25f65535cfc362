-- What: how far a session is with vacuum, analyze, an index or a rewrite; and whom it waits for.
-- Counters of a phase stand still when the next begins, so each is taken only in the phase that moves it.
-- Serves: 14 and later. Cost: nothing; pg_blocking_pids when it waits for a lock. Grants: none for one's own session.
SELECT a.wait_event_type = 'Lock' AS waits,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_catalog.pg_blocking_pids(a.pid) END AS blocked_by,
       p.phase, p.done, p.total, p.unit
  FROM pg_catalog.pg_stat_activity a
  LEFT JOIN LATERAL (
       SELECT v.phase,
              CASE v.phase WHEN 'scanning heap' THEN v.heap_blks_scanned
                           WHEN 'vacuuming heap' THEN v.heap_blks_vacuumed END AS done,
              CASE WHEN v.phase IN ('scanning heap', 'vacuuming heap') THEN v.heap_blks_total END AS total,
              'blocks' AS unit
         FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid
       UNION ALL
       SELECT v.phase, CASE WHEN v.phase LIKE 'acquiring%' THEN v.sample_blks_scanned END,
              CASE WHEN v.phase LIKE 'acquiring%' THEN v.sample_blks_total END, 'sampled blocks'
         FROM pg_catalog.pg_stat_progress_analyze v WHERE v.pid = a.pid
       UNION ALL
       SELECT v.phase,
              CASE WHEN v.lockers_total > 0 THEN v.lockers_done
                   WHEN v.phase LIKE '%loading tuples%' THEN v.tuples_done
                   WHEN v.phase LIKE '%scanning%' OR v.phase = 'building index' THEN v.blocks_done END,
              CASE WHEN v.lockers_total > 0 THEN v.lockers_total
                   WHEN v.phase LIKE '%loading tuples%' THEN v.tuples_total
                   WHEN v.phase LIKE '%scanning%' OR v.phase = 'building index' THEN v.blocks_total END,
              CASE WHEN v.lockers_total > 0 THEN 'transactions'
                   WHEN v.phase LIKE '%loading tuples%' THEN 'rows' ELSE 'blocks' END
         FROM pg_catalog.pg_stat_progress_create_index v WHERE v.pid = a.pid
       UNION ALL
       SELECT v.phase, CASE v.phase WHEN 'seq scanning heap' THEN v.heap_blks_scanned END,
              CASE v.phase WHEN 'seq scanning heap' THEN v.heap_blks_total END, 'blocks'
         FROM pg_catalog.pg_stat_progress_cluster v WHERE v.pid = a.pid) p ON true
 WHERE a.pid = $1
