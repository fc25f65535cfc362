-- What: one foreign key: the table it refers to, whether it is MATCH FULL, and its columns with the operator that
--       compares each to the key.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
-- $1: a table name in schema public. $2: the name of the foreign key.
SELECT format('%I.%I', n.nspname, r.relname) AS referenced,
       r.relname::text AS referenced_name,
       k.confmatchtype = 'f' AS match_full,
       array_agg(quote_ident(a.attname) ORDER BY c.place) AS columns,
       array_agg(quote_ident(b.attname) ORDER BY c.place) AS keys,
       array_agg(format('OPERATOR(%I.%s)', s.nspname, o.oprname) ORDER BY c.place) AS operators
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
 CROSS JOIN LATERAL unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS c (attnum, keynum, operator, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
  JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = c.keynum
  JOIN pg_catalog.pg_operator o ON o.oid = c.operator
  JOIN pg_catalog.pg_namespace s ON s.oid = o.oprnamespace
 WHERE k.conrelid = to_regclass(format('public.%I', $1::text))
   AND k.conname = $2
   AND k.contype = 'f'
 GROUP BY n.nspname, r.relname, k.confmatchtype
