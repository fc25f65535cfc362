-- What: the columns of a table's primary key, in its order.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
-- $1: a table name in schema public.
SELECT a.attname::text AS name
  FROM pg_catalog.pg_index x
 CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
 WHERE x.indrelid = to_regclass(format('public.%I', $1::text))
   AND x.indisprimary
   AND k.place <= x.indnkeyatts
 ORDER BY k.place
