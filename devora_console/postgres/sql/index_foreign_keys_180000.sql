-- What: each column of each foreign key of user schemas, with the operator that looks for it and in which operator
--       families that is: an index of one of them, with the collation of the comparison, serves the key.
-- Serves: 18 and later (NOT ENFORCED, PERIOD). Cost: catalogue only. Grants: none.
-- A foreign key of a partitioned table counts once (conparentid = 0). The referenced row's value stands on the left of
-- pfeqop; an index on the referencing column serves its commutator.
SELECT k.oid::bigint AS oid,
       k.conname::text AS name,
       k.conrelid::bigint AS table_oid,
       k.confrelid::bigint AS referenced_oid,
       k.conenforced AS enforced,
       k.conperiod AS period,
       c.attnum::integer AS attnum,
       a.attname::text AS column,
       quote_ident(a.attname) AS quoted,
       CASE WHEN b.attcollation <> a.attcollation AND NOT coalesce(l.collisdeterministic, true)
            THEN b.attcollation ELSE a.attcollation END::bigint AS collation,
       (SELECT array_agg(DISTINCT f.amopfamily::bigint) FROM pg_catalog.pg_amop f
         WHERE f.amopopr = o.oprcom AND f.amoppurpose = 's') AS families,
       -- The column's own type is converted, row by row, before it is compared: no index on the column serves that.
       EXISTS (SELECT FROM pg_catalog.pg_cast s
                WHERE s.castsource = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
                  AND s.casttarget = o.oprright AND s.castmethod <> 'b') AS converted
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace
 CROSS JOIN LATERAL unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS c (attnum, keynum, operator, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.attnum
  JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = c.keynum
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_operator o ON o.oid = c.operator
  LEFT JOIN pg_catalog.pg_collation l ON l.oid = b.attcollation
 WHERE k.contype = 'f'
   AND k.conparentid = 0
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
 ORDER BY k.oid, c.place
