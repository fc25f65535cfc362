-- What: how many user tables there are, and how many are too small for an estimate. $1: pages.
-- Serves: 14 and later. Cost: catalogue. Grants: none.
SELECT count(*)::integer AS tables, (count(*) FILTER (WHERE c.relpages < $1::integer))::integer AS small,
       (count(*) FILTER (WHERE c.reltuples < 0))::integer AS never,
       (count(*) FILTER (WHERE NOT EXISTS
           (SELECT FROM pg_catalog.pg_am a WHERE a.oid = c.relam AND a.amname = 'heap')))::integer AS other_kinds
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
