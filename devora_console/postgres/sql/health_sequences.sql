-- What: sequences, how far they are, and the narrowest column they feed (identity, OWNED BY, or a default).
--       last_value is NULL while unused; readable says whether this user may know. A locked sequence is not opened.
-- Serves: 14 and later. Cost: catalogue and one page for each sequence. Grants: SELECT or USAGE on the sequences.
WITH barred AS (
    SELECT DISTINCT l.relation FROM pg_catalog.pg_locks l
     WHERE l.locktype = 'relation' AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock',
                                                  'ShareLock')
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
), fed AS (
    SELECT d.objid AS seq, d.refobjid AS tab, d.refobjsubid AS col
      FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
       AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    SELECT d.refobjid, f.adrelid, f.adnum
      FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
     WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
), narrowest AS (
    SELECT DISTINCT ON (f.seq) f.seq, a.attrelid, a.attname, coalesce(b.typbasetype, 0) AS base, a.atttypid
      FROM fed f
      JOIN pg_catalog.pg_attribute a ON a.attrelid = f.tab AND a.attnum = f.col AND NOT a.attisdropped
      JOIN pg_catalog.pg_type b ON b.oid = a.atttypid
     WHERE CASE WHEN b.typtype = 'd' THEN b.typbasetype ELSE a.atttypid END
           IN ('pg_catalog.int2'::regtype, 'pg_catalog.int4'::regtype, 'pg_catalog.int8'::regtype)
     ORDER BY f.seq, b.typlen, f.tab, f.col
)
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS name,
       s.seqtypid::regtype::text AS type, s.seqstart AS start, s.seqincrement AS increment,
       s.seqmin AS least, s.seqmax AS most, s.seqcycle AS cycles,
       w.attrelid::regclass::text AS feeds_table, w.attname::text AS feeds_column,
       CASE WHEN w.base = 0 THEN w.atttypid ELSE w.base END::regtype::text AS feeds_type,
       p.readable, b.relation IS NOT NULL AS locked,
       CASE WHEN p.readable AND b.relation IS NULL THEN pg_catalog.pg_sequence_last_value(c.oid) END AS last_value
  FROM pg_catalog.pg_sequence s
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid AND c.relpersistence <> 't'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN narrowest w ON w.seq = c.oid
  LEFT JOIN barred b ON b.relation = c.oid
 CROSS JOIN LATERAL (SELECT has_sequence_privilege(c.oid, 'SELECT,USAGE') AS readable) p
 ORDER BY n.nspname, c.relname
