-- What: some columns ($1 oids of tables, $2 names): how a btree sorts them, and their statistics.
-- Serves: 14 and later. Cost: one look-up in pg_statistic per column. Grants: SELECT on the columns (pg_stats shows
--         nothing of others; pg_monitor is not enough).
-- Families: every one that holds the equality of the type's own btree class, hash and pattern classes too.
SELECT c.oid::bigint AS table_oid,
       a.attname::text AS column,
       a.attnum::integer AS attnum,
       quote_ident(a.attname) AS quoted,
       a.attcollation::bigint AS collation,
       b.typname::text AS base,
       b.typcategory::text AS category,
       (SELECT array_agg(DISTINCT f.amopfamily::bigint)
          FROM pg_catalog.pg_amop e
          JOIN pg_catalog.pg_amop f ON f.amopopr = e.amopopr AND f.amoppurpose = 's'
         WHERE e.amopfamily = o.opcfamily AND e.amopstrategy = 3 AND e.amoppurpose = 's'
           AND e.amoplefttype = o.opcintype AND e.amoprighttype = o.opcintype) AS families,
       has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
       row_security_active(c.oid) AS secured,
       s.null_frac::float8 AS nulls,
       s.n_distinct::float8 AS distinct,
       s.avg_width AS width,
       s.correlation::float8 AS correlation,
       CASE WHEN b.typcategory IN ('N', 'S', 'D', 'B', 'E', 'I', 'T') THEN s.most_common_vals::text::text[] END AS common,
       CASE WHEN b.typcategory IN ('N', 'S', 'D', 'B', 'E', 'I', 'T') THEN s.most_common_freqs::float8[] END AS shares
  FROM unnest($1::bigint[], $2::text[]) AS w (table_oid, name)
  JOIN pg_catalog.pg_class c ON c.oid = w.table_oid::oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name::name AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN LATERAL (
        SELECT x.opcfamily, x.opcintype
          FROM pg_catalog.pg_opclass x
          JOIN pg_catalog.pg_am m ON m.oid = x.opcmethod AND m.amname = 'btree'
          JOIN pg_catalog.pg_type k ON k.oid = x.opcintype
         WHERE x.opcdefault
           AND (x.opcintype = b.oid
                OR (b.typtype = 'e' AND x.opcintype = 'pg_catalog.anyenum'::regtype)
                OR EXISTS (SELECT FROM pg_catalog.pg_cast v
                            WHERE v.castsource = b.oid AND v.casttarget = x.opcintype
                              AND v.castmethod = 'b' AND v.castcontext = 'i'))
         ORDER BY x.opcintype = b.oid DESC, k.typispreferred DESC
         LIMIT 1) o ON true
  LEFT JOIN pg_catalog.pg_stats s
    ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname
   AND s.inherited = (c.relkind = 'p')
