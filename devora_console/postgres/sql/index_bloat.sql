-- What: what the size of a btree is estimated from: width and emptiness of its columns, by index.
-- Serves: 14 and later. Cost: one look-up in pg_statistic per column. Grants: SELECT on the tables (pg_stats shows
--         nothing of columns that the user may not read; pg_monitor is not enough).
-- $1: oids of the indexes.
SELECT c.oid::bigint AS oid,
       count(*)::integer AS columns,
       count(s.attname)::integer AS known,
       bool_or(coalesce(u.atttypid, a.atttypid) = 'pg_catalog.name'::regtype) AS has_name,
       coalesce(max(s.null_frac), 0)::float8 AS most_nulls,
       coalesce(sum((1 - s.null_frac) * s.avg_width), 0)::float8 AS width,
       bool_or(coalesce(s.n_distinct, 0) <= -0.9) AS distinct_column,
       -- Values that TOAST may hold: avg_width is that of their pointers, while an index holds them whole. Statistics keep
       -- no value of over 1 kB, and whole ones up to that, which are then longer than avg_width says.
       coalesce(bool_or(u.attstorage IN ('x', 'e')
                        AND CASE WHEN s.histogram_bounds IS NULL THEN s.most_common_vals IS NULL
                                 ELSE octet_length(s.histogram_bounds::text)
                                      > 3.0 * (s.avg_width + 8) * array_length(s.histogram_bounds, 1) END), false)
           AS outside,
       bool_and(CASE WHEN k.attnum = 0 THEN has_table_privilege(i.indrelid, 'SELECT')
                     ELSE has_column_privilege(i.indrelid, k.attnum::smallint, 'SELECT') END)
           AND NOT row_security_active(i.indrelid) AS readable
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = k.place
  LEFT JOIN pg_catalog.pg_attribute u ON u.attrelid = i.indrelid AND u.attnum = k.attnum AND k.attnum <> 0
  LEFT JOIN pg_catalog.pg_stats s
    ON s.schemaname = n.nspname
   AND s.tablename = CASE WHEN k.attnum = 0 THEN c.relname ELSE t.relname END
   AND s.attname = CASE WHEN k.attnum = 0 THEN a.attname ELSE u.attname END
   AND NOT s.inherited
 WHERE c.oid = ANY ($1::bigint[]::oid[])
 GROUP BY c.oid, i.indrelid
