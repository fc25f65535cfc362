-- What: every index of user schemas as the catalogue has it: keys, constraints, state, size. For indexes/facts.py.
--       Of TOAST only what a REINDEX TABLE CONCURRENTLY left there, which nothing else ever takes away.
-- Serves: 14 and later. Cost: one pass over pg_index, 0.3-1 s for 30,000 indexes. Grants: none.
-- $1: whether to ask for sizes, expressions and predicates; false asks for nothing that can wait for a lock.
--     What is under an AccessExclusiveLock, held or queued, is left out in any case and marked.
WITH locked AS MATERIALIZED (
    SELECT DISTINCT l.relation
      FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation'
       AND l.mode = 'AccessExclusiveLock'
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
), backed AS MATERIALIZED (
    SELECT k.conindid,
           max(k.conname::text) FILTER (WHERE k.contype IN ('p', 'u', 'x')) AS name,
           count(*) FILTER (WHERE k.contype = 'f') AS foreign_keys
      FROM pg_catalog.pg_constraint k
     WHERE k.conindid <> 0
     GROUP BY k.conindid
), named AS MATERIALIZED (
    SELECT i.*, c.relname, c.relkind, c.relpages, c.reltuples, c.reloptions, c.relam, c.reltablespace, n.nspname,
           $1::boolean AND lt.relation IS NULL AND li.relation IS NULL AS free,
           $1::boolean AND li.relation IS NULL AS measurable
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN locked lt ON lt.relation = i.indrelid
      LEFT JOIN locked li ON li.relation = i.indexrelid
     WHERE (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
            OR n.nspname = 'pg_toast' AND NOT i.indisvalid)
       AND c.relpersistence <> 't'
)
SELECT i.indexrelid::bigint AS oid,
       coalesce((SELECT o.oid FROM pg_catalog.pg_class o
                  WHERE i.nspname = 'pg_toast' AND o.reltoastrelid = i.indrelid), i.indrelid)::bigint AS table_oid,
       i.nspname::text AS schema,
       i.relname::text AS name,
       format('%I.%I', i.nspname, i.relname) AS quoted,
       quote_ident(i.relname) AS quoted_name,
       i.relkind = 'I' AS partitioned,
       h.inhparent::bigint AS parent_oid,
       m.amname::text AS method,
       i.indkey::integer[] AS columns,
       i.indnkeyatts::integer AS key_count,
       i.indclass::oid[]::bigint[] AS opclasses,
       i.indcollation::oid[]::bigint[] AS collations,
       i.indoption::integer[] AS options,
       coalesce(i.reloptions, '{}') AS storage,
       (SELECT string_agg(a.attnum || a.attoptions::text, ' ' ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = i.indexrelid AND a.attnum > 0 AND a.attoptions IS NOT NULL) AS opclass_options,
       i.indisunique AS is_unique,
       i.indisprimary AS is_primary,
       i.indisexclusion AS is_exclusion,
       i.indimmediate AS immediate,
       i.indisreplident AS replica_identity,
       i.indisclustered AS clustered,
       i.indisvalid AS valid,
       i.indisready AS ready,
       i.indislive AS live,
       b.name AS constraint_name,
       coalesce(b.foreign_keys, 0)::integer AS referenced_by,
       i.indexprs IS NOT NULL AS has_expressions,
       i.indpred IS NOT NULL AS has_predicate,
       i.free,
       CASE WHEN i.free AND i.indexprs IS NOT NULL THEN
           (SELECT array_agg(pg_get_indexdef(i.indexrelid, k, false) ORDER BY k)
              FROM generate_series(1, i.indnkeyatts) AS k WHERE i.indkey[k - 1] = 0) END AS expressions,
       CASE WHEN i.free AND i.indpred IS NOT NULL THEN pg_get_expr(i.indpred, i.indrelid) END AS predicate,
       CASE WHEN i.measurable AND i.relkind = 'i' THEN pg_relation_size(i.indexrelid) END AS size_bytes,
       i.relpages::bigint AS pages,
       i.reltuples::float8 AS tuples
  FROM named i
  JOIN pg_catalog.pg_am m ON m.oid = i.relam
  LEFT JOIN backed b ON b.conindid = i.indexrelid
  LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = i.indexrelid
