-- What: for each table of schema public and each partition of one, whether it holds anything, when it was analyzed
--       last, and how many rows changed since. Both are NULL where the server keeps no such count.
-- Serves: 14 and later. Cost: the catalogue, and the size of each table. Grants: none.
SELECT c.relname::text AS name, n.nspname <> 'public' AS archived,
       coalesce((SELECT r.relname FROM pg_catalog.pg_class r WHERE r.oid = pg_catalog.pg_partition_root(c.oid)),
                c.relname)::text AS root,
       (SELECT coalesce(sum(pg_catalog.pg_relation_size(p.relid)), 0)
          FROM pg_catalog.pg_partition_tree(c.oid) p WHERE p.isleaf) > 0
           OR (c.relkind = 'r' AND pg_catalog.pg_relation_size(c.oid) > 0) AS filled,
       c.reltuples::float8 AS rows, c.reltuples = -1 AS untouched,
       greatest(s.last_analyze, s.last_autoanalyze) AS analyzed,
       s.n_mod_since_analyze AS changed
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
 WHERE c.relkind IN ('r', 'p')
   AND (n.nspname = 'public' OR (n.nspname = 'devora_console' AND c.relispartition))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY c.relname
