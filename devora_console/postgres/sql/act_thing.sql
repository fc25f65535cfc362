-- What: a relation by OID as an act must know it: what it is, whose, what depends on it, what its statistics count.
-- Serves: 14 and later. Cost: index scans of the catalogue; waits for no lock on the relation. Grants: none.
SELECT c.oid::bigint AS oid,
       n.nspname::text AS schema,
       c.relname::text AS name,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS quoted,
       c.relkind::text AS kind,
       c.relpersistence = 't' AS temporary,
       c.relispartition AS partition,
       c.oid < 16384 OR n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS system,
       pg_catalog.pg_get_userbyid(c.relowner)::text AS owner,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS owned,
       pg_catalog.pg_has_role(n.nspowner, 'USAGE') AS schema_owned,
       pg_catalog.pg_has_role(b.datdba, 'USAGE') AS database_owned,
       c.reltuples::double precision AS rows,
       c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS about_bytes,
       coalesce(c.reloptions, '{}') AS options,
       i.indrelid::bigint AS table_oid,
       (SELECT pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.relname)
          FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
         WHERE t.oid = i.indrelid) AS table_name,
       coalesce(i.indisvalid, true) AS valid,
       coalesce(i.indisunique, false) AS "unique",
       coalesce(i.indisexclusion, false) AS exclusion,
       coalesce(i.indisreplident, false) AS replica_identity,
       (SELECT pg_catalog.quote_ident(k.conname) FROM pg_catalog.pg_constraint k
         WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x') LIMIT 1) AS constraint_name,
       ARRAY(SELECT pg_catalog.quote_ident(k.conname) FROM pg_catalog.pg_constraint k
              WHERE k.conindid = c.oid AND k.contype = 'f' ORDER BY 1) AS foreign_keys,
       (SELECT pg_catalog.quote_ident(pn.nspname) || '.' || pg_catalog.quote_ident(p.relname)
          FROM pg_catalog.pg_inherits h
          JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
          JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
         WHERE h.inhrelid = c.oid AND c.relispartition LIMIT 1) AS parent,
       (SELECT e.extname::text FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e' LIMIT 1) AS extension,
       twin.name AS twin,
       coalesce(twin.same, false) AS twin_same,
       pg_catalog.pg_stat_get_live_tuples(c.oid) AS live,
       pg_catalog.pg_stat_get_dead_tuples(c.oid) AS dead
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_database b ON b.datname = pg_catalog.current_database()
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  -- Another unique index over all or some of the same columns, and all rows: it refuses the same duplicates.
  LEFT JOIN LATERAL (
       SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(oc.relname) AS name,
              o.indnkeyatts = i.indnkeyatts AS same
         FROM pg_catalog.pg_index o
         JOIN pg_catalog.pg_class oc ON oc.oid = o.indexrelid
        WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid
          AND o.indisunique AND o.indisvalid AND o.indimmediate AND o.indexprs IS NULL AND o.indpred IS NULL
          AND ARRAY(SELECT (o.indkey[s], o.indclass[s], o.indcollation[s])::text
                      FROM pg_catalog.generate_series(0, o.indnkeyatts - 1) s)
              <@ ARRAY(SELECT (i.indkey[s], i.indclass[s], i.indcollation[s])::text
                         FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) s)
          AND pg_catalog.to_jsonb(o) -> 'indnullsnotdistinct'  -- 15 and later
              IS NOT DISTINCT FROM pg_catalog.to_jsonb(i) -> 'indnullsnotdistinct'
        ORDER BY same DESC, o.indexrelid LIMIT 1) twin ON true
 WHERE c.oid = $1::bigint::oid
