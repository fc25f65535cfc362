-- What: what there is to know of an index before it is measured.
-- Serves: 14 and later. Cost: nothing. Grants: none.
-- $1: its oid.
SELECT format('%I.%I', n.nspname, c.relname) AS quoted,
       CASE n.nspname WHEN 'public' THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS title,
       m.amname::text AS method,
       c.relkind = 'I' AS partitioned,
       coalesce((SELECT split_part(o, '=', 2)::integer FROM unnest(c.reloptions) AS o
                  WHERE o LIKE 'fillfactor=%'), 90) AS fill_factor,
       EXISTS (SELECT FROM pg_catalog.pg_locks l
                WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
                  AND l.relation IN (i.indexrelid, i.indrelid)
                  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                     WHERE d.datname = current_database())) AS locked
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_am m ON m.oid = c.relam
 WHERE c.oid = $1::bigint::oid
