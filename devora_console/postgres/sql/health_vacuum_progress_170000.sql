-- What: vacuums that run now, in all databases; tables of other databases by OID only.
-- Serves: 17 (dead rows by bytes; indexes counted). Cost: nothing. Grants: pg_read_all_stats for those of others.
SELECT p.pid, a.backend_type = 'autovacuum worker' AS auto,
       position(convert_to('to prevent wraparound', 'UTF8') IN textsend(a.query)) > 0 AS wraparound,
       textsend(p.datname::text) AS database, p.relid::bigint AS oid,
       CASE WHEN p.datname = current_database() THEN p.relid::regclass::text END AS relation,
       p.phase, p.heap_blks_total AS pages, p.heap_blks_scanned AS scanned, p.heap_blks_vacuumed AS vacuumed,
       p.index_vacuum_count AS index_passes,
       p.num_dead_item_ids AS dead, NULL::bigint AS dead_room, p.dead_tuple_bytes AS dead_bytes,
       p.max_dead_tuple_bytes AS dead_bytes_room, p.indexes_total AS indexes, p.indexes_processed AS indexes_done,
       NULL::float8 AS delay_ms
  FROM pg_catalog.pg_stat_progress_vacuum p
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = p.pid
 ORDER BY p.pid
