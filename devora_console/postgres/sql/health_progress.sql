-- What: maintenance that runs now beside vacuum, in all databases; tables of other databases by OID only.
-- Serves: 14 and later. Cost: nothing. Grants: pg_read_all_stats for what others do; pid and database show anyhow.
-- Counters of a phase stand still when the next begins, so each is taken only in the phase that moves it.
WITH running AS (
    SELECT v.pid, v.datname, v.relid, NULL::oid AS index, 'ANALYZE' AS command, v.phase,
           CASE WHEN v.phase LIKE 'acquiring%' THEN v.sample_blks_scanned END AS done,
           CASE WHEN v.phase LIKE 'acquiring%' THEN v.sample_blks_total END AS total, 'sampled pages' AS unit
      FROM pg_catalog.pg_stat_progress_analyze v
    UNION ALL
    SELECT v.pid, v.datname, v.relid, nullif(v.index_relid, 0), coalesce(v.command, 'CREATE INDEX'), v.phase,
           CASE WHEN v.lockers_total > 0 THEN v.lockers_done
                WHEN v.phase LIKE '%loading tuples%' THEN v.tuples_done
                WHEN v.phase LIKE '%scanning%' OR v.phase = 'building index' THEN v.blocks_done END,
           CASE WHEN v.lockers_total > 0 THEN v.lockers_total
                WHEN v.phase LIKE '%loading tuples%' THEN v.tuples_total
                WHEN v.phase LIKE '%scanning%' OR v.phase = 'building index' THEN v.blocks_total END,
           CASE WHEN v.lockers_total > 0 THEN 'transactions waited for'
                WHEN v.phase LIKE '%loading tuples%' THEN 'rows' ELSE 'pages' END
      FROM pg_catalog.pg_stat_progress_create_index v
    UNION ALL
    SELECT v.pid, v.datname, v.relid, nullif(v.cluster_index_relid, 0), coalesce(v.command, 'CLUSTER'), v.phase,
           CASE v.phase WHEN 'seq scanning heap' THEN v.heap_blks_scanned
                        WHEN 'index scanning heap' THEN v.heap_tuples_scanned
                        WHEN 'writing new heap' THEN v.heap_tuples_written END,
           CASE v.phase WHEN 'seq scanning heap' THEN v.heap_blks_total
                        WHEN 'writing new heap' THEN v.heap_tuples_scanned END,
           CASE v.phase WHEN 'seq scanning heap' THEN 'pages' ELSE 'rows' END
      FROM pg_catalog.pg_stat_progress_cluster v
    UNION ALL
    SELECT v.pid, v.datname, nullif(v.relid, 0), NULL, coalesce(v.command, 'COPY'), lower(v.type),
           v.bytes_processed, v.bytes_total, 'bytes'
      FROM pg_catalog.pg_stat_progress_copy v
    UNION ALL
    SELECT v.pid, NULL, NULL, NULL, 'base backup', v.phase, v.backup_streamed, v.backup_total, 'bytes'
      FROM pg_catalog.pg_stat_progress_basebackup v
)
SELECT r.pid, textsend(r.datname::text) AS database, r.relid::bigint AS oid,
       CASE WHEN r.datname = current_database() THEN r.relid::regclass::text END AS relation,
       CASE WHEN r.datname = current_database() THEN r.index::regclass::text END AS index,
       r.command, r.phase, r.done, r.total, r.unit, a.backend_type = 'autovacuum worker' AS auto,
       a.state IS NULL AS hidden
  FROM running r
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid
 ORDER BY r.pid
