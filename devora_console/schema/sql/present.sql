-- answers: which of these objects ($1 kinds, $2 schemas, $3 names) exist, and who owns them
-- serves: 14 on; cost: nothing; needs: nothing
SELECT wanted.kind, wanted.place, wanted.name
  FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (kind, place, name)
  JOIN pg_catalog.pg_namespace n ON n.nspname = CASE wanted.kind WHEN 'schema' THEN wanted.name ELSE wanted.place END
 WHERE CASE wanted.kind
       WHEN 'schema' THEN true
       WHEN 'function' THEN EXISTS (
           SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid AND p.proname = wanted.name)
       WHEN 'text search configuration' THEN EXISTS (
           SELECT FROM pg_catalog.pg_ts_config t WHERE t.cfgnamespace = n.oid AND t.cfgname = wanted.name)
       WHEN 'text search dictionary' THEN EXISTS (
           SELECT FROM pg_catalog.pg_ts_dict t WHERE t.dictnamespace = n.oid AND t.dictname = wanted.name)
       ELSE EXISTS (
           SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = wanted.name)
       END
 ORDER BY wanted.kind, wanted.place, wanted.name
