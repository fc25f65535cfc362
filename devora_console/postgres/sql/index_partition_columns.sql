-- What: under which number each partition has the columns of a foreign key that its partitioned table declares.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
WITH RECURSIVE keyed AS (
    SELECT k.conrelid AS root, k.conrelid AS relation, k.conkey
      FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND c.relkind = 'p'
     WHERE k.contype = 'f' AND k.conparentid = 0
), tree AS (
    SELECT root, relation, conkey FROM keyed
    UNION
    SELECT t.root, h.inhrelid, t.conkey
      FROM tree t JOIN pg_catalog.pg_inherits h ON h.inhparent = t.relation
)
SELECT DISTINCT t.relation::bigint AS table_oid, p.attnum::integer AS attnum, p.attname::text AS column
  FROM tree t
  JOIN pg_catalog.pg_attribute r ON r.attrelid = t.root AND r.attnum = ANY (t.conkey)
  JOIN pg_catalog.pg_attribute p ON p.attrelid = t.relation AND p.attname = r.attname AND NOT p.attisdropped
