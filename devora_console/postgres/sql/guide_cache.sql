-- What: the migration guide's cache query, mended: percent with two decimals, NULL instead of an error without reads.
-- Serves: 14 and later. Cost: the counters of every table. Grants: none.
SELECT sum(t.heap_blks_read)::bigint AS reads,
       sum(t.heap_blks_hit)::bigint AS hits,
       trunc(100.0 * sum(t.heap_blks_hit) / nullif(sum(t.heap_blks_hit) + sum(t.heap_blks_read), 0), 2)
           AS cache_hit_percent
  FROM pg_catalog.pg_statio_user_tables t
