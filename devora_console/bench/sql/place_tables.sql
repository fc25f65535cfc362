-- The tables of schema public that hold most, with the planner's estimate of their rows (-1: never analysed), the
-- partitions of one added up. All versions; tier 2; no grants needed.
SELECT c.relname AS name,
       CASE WHEN c.relkind = 'p'
            THEN (SELECT coalesce(sum(greatest(p.reltuples, 0)), 0) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
                   WHERE i.inhparent = c.oid)
            ELSE c.reltuples END::bigint AS rows
  FROM pg_class c
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY 2 DESC, 1
 LIMIT 12
