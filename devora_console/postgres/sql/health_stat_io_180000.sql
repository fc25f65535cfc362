-- What: reads, hits and writes of the whole server by kind of process and what for.
-- Serves: 18 and later (bytes are counted as such). Cost: a few rows. Grants: none.
SELECT io.backend_type, io.object, io.context,
       sum(io.reads)::bigint AS reads, sum(io.read_bytes)::bigint AS read_bytes,
       CASE WHEN current_setting('track_io_timing')::boolean THEN sum(io.read_time) END AS read_ms,
       sum(io.hits)::bigint AS hits,
       sum(io.writes)::bigint AS writes, sum(io.write_bytes)::bigint AS written_bytes,
       sum(io.extends)::bigint AS extends, sum(io.evictions)::bigint AS evictions, sum(io.reuses)::bigint AS reuses,
       sum(io.fsyncs)::bigint AS fsyncs, min(io.stats_reset) AS since
  FROM pg_catalog.pg_stat_io io
 WHERE coalesce(io.reads, 0) + coalesce(io.hits, 0) + coalesce(io.writes, 0) + coalesce(io.extends, 0) > 0
 GROUP BY 1, 2, 3
 ORDER BY coalesce(sum(io.reads), 0) DESC, 1, 2, 3
