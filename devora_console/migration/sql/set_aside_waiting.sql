-- What: what is set aside and not back, in the order of its return: what may fail on the data first, what takes
--       longest next, and triggers last.
-- Serves: 14 and later. Cost: a few rows. Grants: owner of devora_console.
SELECT s.number, s.kind, s.table_name, s.name, s.definition, s.attach, s.afterwards, s.tablespace, s.valid, s.keys,
       s.takes_part, s.columns, s.function, s.added
  FROM devora_console.set_aside s
 ORDER BY array_position(ARRAY['unique', 'index', 'foreign_key', 'trigger'], s.kind),
          s.definition LIKE '% USING gin %' DESC,
          (SELECT sum(pg_catalog.pg_relation_size(r.relid))  -- a partitioned table has nothing of its own
             FROM (SELECT to_regclass(format('public.%I', s.table_name)) AS relid
                   UNION
                   SELECT t.relid FROM pg_catalog.pg_partition_tree(to_regclass(format('public.%I', s.table_name))) t
                  ) AS r) DESC NULLS LAST,
          s.number
