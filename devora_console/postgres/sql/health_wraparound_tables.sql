-- What: the tables of this database with the oldest ids. Only tables, materialized views and TOAST tables have any:
--       views, indexes, sequences and partitioned tables hold 0, whose age() is the largest number there is.
--       A table access method may do without multixacts, and then holds 0 for those alone.
-- Serves: 14 and later. Cost: catalogue. Grants: none.
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name,
       m.oid::regclass::text AS toast_of, c.relpersistence = 't' AS temporary,
       age(c.relfrozenxid)::bigint AS xid_age, 
       CASE WHEN c.relminmxid::text <> '0' THEN mxid_age(c.relminmxid) ELSE 0 END::bigint AS mxid_age,
       CASE WHEN c.relkind = 't' AND c.reloptions IS NULL THEN m.reloptions ELSE c.reloptions END AS options,
       c.relpages AS pages
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_class m ON c.relkind = 't' AND m.reltoastrelid = c.oid
 WHERE c.relkind IN ('r', 'm', 't') AND c.relfrozenxid::text <> '0'
   AND (c.oid IN (SELECT x.oid FROM pg_catalog.pg_class x WHERE x.relkind IN ('r', 'm', 't')
                     AND x.relfrozenxid::text <> '0' ORDER BY age(x.relfrozenxid) DESC LIMIT 20)
        OR c.oid IN (SELECT x.oid FROM pg_catalog.pg_class x WHERE x.relkind IN ('r', 'm', 't')
                        AND x.relminmxid::text <> '0' ORDER BY mxid_age(x.relminmxid) DESC LIMIT 20)
        OR 'autovacuum_freeze_max_age' = ANY (SELECT split_part(o, '=', 1) FROM unnest(c.reloptions) o)
        OR 'autovacuum_multixact_freeze_max_age' = ANY (SELECT split_part(o, '=', 1) FROM unnest(c.reloptions) o))
 ORDER BY age(c.relfrozenxid) DESC, c.oid
 LIMIT 200
