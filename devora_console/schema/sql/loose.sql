-- answers: what of the tables of our two schemas is there and does not hold: constraints that are not validated or not
--          enforced, indexes that are not valid or not ready, triggers that are switched off (those of foreign keys too)
-- serves: 14 on; cost: catalogue only; needs: nothing.
WITH relation AS (
    SELECT c.oid, c.relname
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('public', 'devora_console') AND c.relkind IN ('r', 'p')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
)
SELECT 'constraint' AS kind, r.relname::text AS on_table, k.conname::text AS name, 'is not validated' AS words,
       format('ALTER TABLE %s VALIDATE CONSTRAINT %I;', k.conrelid::regclass, k.conname) AS remedy
  FROM relation r
  JOIN pg_catalog.pg_constraint k ON k.conrelid = r.oid
 WHERE NOT k.convalidated
UNION ALL
SELECT 'index', r.relname::text, i.relname::text, CASE WHEN x.indisvalid THEN 'is not ready' ELSE 'is not valid' END,
       format('REINDEX INDEX CONCURRENTLY %s;', x.indexrelid::regclass)
  FROM relation r
  JOIN pg_catalog.pg_index x ON x.indrelid = r.oid
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
 WHERE NOT (x.indisvalid AND x.indisready AND x.indislive)
UNION ALL
SELECT 'trigger', r.relname::text, t.tgname::text,
       CASE t.tgenabled WHEN 'D' THEN 'is disabled' ELSE 'fires on replicas only' END,
       format('ALTER TABLE %s ENABLE TRIGGER %s;', t.tgrelid::regclass,
              CASE WHEN t.tgisinternal THEN 'ALL' ELSE quote_ident(t.tgname) END)
  FROM relation r
  JOIN pg_catalog.pg_trigger t ON t.tgrelid = r.oid
 WHERE t.tgenabled NOT IN ('O', 'A')
 ORDER BY 1, 2, 3
