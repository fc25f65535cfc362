-- What: the operator classes: their family, and whether a btree of them can be deduplicated (support function 4).
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
SELECT o.oid::bigint AS oid,
       o.opcfamily::bigint AS family,
       EXISTS (SELECT FROM pg_catalog.pg_amproc p
                WHERE p.amprocfamily = o.opcfamily AND p.amprocnum = 4
                  AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype) AS deduplicable
  FROM pg_catalog.pg_opclass o
