-- What: indexes, unique keys, foreign keys and insert triggers of some tables, and the triggers that keep the search
--       documents, each with the SQL that makes it again and, where it has to stay, the reason. Primary keys are not
--       among them.
-- Serves: 14 and later. Cost: catalogue only. Grants: owner of devora_console.
-- Run with search_path = pg_catalog, so that every name is qualified.
-- $1: table names in schema public.
WITH place AS (
    SELECT c.oid, c.relname, format('%I.%I', n.nspname, c.relname) AS label,
           CASE WHEN c.relname = 'search_documents' THEN NULL  -- its indexes are the same in every partition
                WHEN c.relkind = 'p' THEN 'its table is partitioned'
                WHEN EXISTS (SELECT FROM pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent))
                THEN 'its table inherits, or is a partition' END AS oddity
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname = ANY ($1::text[])
), bound AS (
    SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype IN ('e', 'x')
), remark (classid, objid, description) AS (
    SELECT d.classoid, d.objoid, d.description FROM pg_description d WHERE d.objsubid = 0
), known AS (
    SELECT v.catalog -> 'trigger' AS triggers
      FROM devora_console.schema_version v
     WHERE v.catalog IS NOT NULL
     ORDER BY v.applied_at DESC, v.version DESC
     LIMIT 1
), key AS (
    SELECT x.indexrelid,
           array_agg(format('(%s)%s', pg_get_indexdef(x.indexrelid, k::integer, false),
                            CASE WHEN x.indcollation[k - 1] <> 0
                                 THEN (SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
                                         FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
                                        WHERE c.oid = x.indcollation[k - 1]) END)
                     ORDER BY k) AS texts
      FROM pg_index x
      JOIN place t ON t.oid = x.indrelid
     CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS k
     GROUP BY x.indexrelid
)
SELECT CASE WHEN x.indisunique THEN 'unique' ELSE 'index' END AS kind,
       t.relname::text AS table_name,
       i.relname::text AS name,
       -- It is made in every partition, and printed as if it were in none.
       replace(pg_get_indexdef(i.oid), ' ON ONLY public.search_documents ', ' ON public.search_documents ') AS definition,
       CASE k.contype
       WHEN 'u' THEN format('ALTER TABLE %s ADD CONSTRAINT %I UNIQUE USING INDEX %I', t.label, k.conname, i.relname)
                     || CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
                     || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
       END AS attach,
       array_remove(ARRAY[
           (SELECT format('COMMENT ON INDEX public.%I IS %L', i.relname, r.description)
              FROM remark r WHERE r.classid = 'pg_class'::regclass AND r.objid = i.oid),
           (SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, t.label, r.description)
              FROM remark r WHERE r.classid = 'pg_constraint'::regclass AND r.objid = k.oid)
       ], NULL) || ARRAY(
           SELECT format('ALTER INDEX public.%I ALTER COLUMN %s SET STATISTICS %s', i.relname, a.attnum, a.attstattarget)
             FROM pg_attribute a WHERE a.attrelid = i.oid AND a.attstattarget >= 0 ORDER BY a.attnum) AS afterwards,
       coalesce((SELECT s.spcname FROM pg_tablespace s WHERE s.oid = i.reltablespace), '')::text AS tablespace,
       x.indisvalid AND x.indisready AS valid,
       key.texts AS keys,
       concat_ws(' AND ', '(' || pg_get_expr(x.indpred, x.indrelid) || ')',
                 CASE WHEN to_jsonb(x) ->> 'indnullsnotdistinct' IS DISTINCT FROM 'true'
                      THEN (SELECT string_agg(part || ' IS NOT NULL', ' AND ') FROM unnest(key.texts) part) END
                ) AS takes_part,
       ARRAY(SELECT a.attname::text
               FROM pg_attribute a
              WHERE a.attrelid = t.oid
                AND (a.attnum = ANY (x.indkey::int2[])
                     OR EXISTS (SELECT FROM pg_depend d
                                 WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid
                                   AND d.refobjid = t.oid AND d.refobjsubid = a.attnum))
                AND a.attnum > 0
              ORDER BY a.attnum) AS columns,
       NULL::text AS function,
       CASE WHEN t.oddity IS NOT NULL THEN t.oddity
            WHEN x.indisexclusion OR k.contype = 'x' THEN 'it is an exclusion constraint'
            WHEN k.contype = 'u' AND m.amname <> 'btree' THEN 'it is no plain unique constraint'
            WHEN NOT (x.indisvalid AND x.indisready) THEN 'it is not valid: drop it, or REINDEX it'
            WHEN x.indisreplident THEN 'it is the replica identity of its table'
            WHEN x.indisclustered THEN 'its table is clustered by it'
            WHEN EXISTS (SELECT FROM bound b WHERE b.objid = i.oid AND b.classid = 'pg_class'::regclass)
            THEN 'it is bound to an extension'
       END AS reason
  FROM place t
  JOIN pg_index x ON x.indrelid = t.oid
  JOIN pg_class i ON i.oid = x.indexrelid
  JOIN pg_am m ON m.oid = i.relam
  JOIN key ON key.indexrelid = x.indexrelid
  LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.contype IN ('u', 'x')
 WHERE NOT x.indisprimary
UNION ALL
SELECT 'foreign_key',
       t.relname::text,
       k.conname::text,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.label, k.conname,
              regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '')),
       NULL,
       ARRAY(SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, t.label, r.description)
               FROM remark r WHERE r.classid = 'pg_constraint'::regclass AND r.objid = k.oid),
       '',
       k.convalidated,
       '{}',
       NULL,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS c (attnum, place)
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.attnum ORDER BY c.place),
       NULL,
       CASE WHEN t.oddity IS NOT NULL THEN t.oddity
            WHEN (SELECT o.relkind FROM pg_class o WHERE o.oid = k.confrelid) = 'p'
            THEN 'it refers to a partitioned table'
            WHEN EXISTS (SELECT FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgenabled <> 'O')
            THEN 'its checks are switched off, or always on'
            WHEN EXISTS (SELECT FROM bound b WHERE b.objid = k.oid AND b.classid = 'pg_constraint'::regclass)
            THEN 'it is bound to an extension'
       END
  FROM place t
  JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0
UNION ALL
SELECT 'trigger',
       t.relname::text,
       g.tgname::text,
       pg_get_triggerdef(g.oid),
       NULL,
       ARRAY[format('ALTER TABLE %s %s TRIGGER %I', t.label,
                    CASE g.tgenabled WHEN 'O' THEN 'ENABLE' WHEN 'A' THEN 'ENABLE ALWAYS'
                                     WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END, g.tgname)]
       || ARRAY(SELECT format('COMMENT ON TRIGGER %I ON %s IS %L', g.tgname, t.label, r.description)
                  FROM remark r WHERE r.classid = 'pg_trigger'::regclass AND r.objid = g.oid),
       '',
       true,
       '{}',
       NULL,
       ARRAY(SELECT a.attname::text FROM unnest(g.tgattr::int2[]) WITH ORDINALITY AS c (attnum, place)
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.attnum ORDER BY c.place),
       g.tgfoid::regprocedure::text,
       CASE WHEN t.oddity IS NOT NULL THEN t.oddity
            WHEN g.tgconstraint <> 0 THEN 'it is a constraint trigger'
            WHEN g.tgtype & 1 = 0 AND NOT documents.kept THEN 'it fires once per statement'
            WHEN g.tgenabled NOT IN ('O', 'A') THEN 'it does not fire'
            WHEN own.recorded IS NULL THEN 'it is not one of the schema''s own'
            WHEN (own.recorded ->> 'definition', own.recorded ->> 'enabled')
                 IS DISTINCT FROM (pg_get_triggerdef(g.oid), g.tgenabled::text)
            THEN 'it is not as the schema recorded it'
            WHEN EXISTS (SELECT FROM bound b WHERE b.objid = g.oid AND b.classid = 'pg_trigger'::regclass)
            THEN 'it is bound to an extension'
       END
  FROM place t
  JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgparentid = 0
  JOIN LATERAL (SELECT f.pronamespace = 'devora_console'::regnamespace AS kept FROM pg_proc f WHERE f.oid = g.tgfoid
       ) documents ON g.tgtype & 4 <> 0 OR documents.kept
  LEFT JOIN LATERAL (SELECT k.triggers -> format('%s.%I', t.label, g.tgname) AS recorded FROM known k) own ON true
 ORDER BY 1, 2, 3
