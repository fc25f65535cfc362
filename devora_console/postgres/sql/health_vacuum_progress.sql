-- What: vacuums that run now, in all databases; tables of other databases by OID only.
-- Serves: 14 to 16. Cost: nothing. Grants: pg_read_all_stats for those of others.
SELECT p.pid, a.backend_type = 'autovacuum worker' AS auto,
       position(convert_to('to prevent wraparound', 'UTF8') IN textsend(a.query)) > 0 AS wraparound,
       textsend(p.datname::text) AS database, p.relid::bigint AS oid,
       CASE WHEN p.datname = current_database() THEN p.relid::regclass::text END AS relation,
       p.phase, p.heap_blks_total AS pages, p.heap_blks_scanned AS scanned, p.heap_blks_vacuumed AS vacuumed,
       p.index_vacuum_count AS index_passes,
       p.num_dead_tuples AS dead, p.max_dead_tuples AS dead_room, NULL::bigint AS dead_bytes,
       NULL::bigint AS dead_bytes_room, NULL::bigint AS indexes, NULL::bigint AS indexes_done,
       NULL::float8 AS delay_ms
  FROM pg_catalog.pg_stat_progress_vacuum p
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid
 ORDER BY p.pid
