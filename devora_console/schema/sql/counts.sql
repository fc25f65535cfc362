-- answers: how many tables (psql \dt), indexes (\di), views (\dv), materialised views (\dm), triggers, policies
--          and functions schema public holds, without those of extensions
-- serves: 14 on; cost: nothing; needs: nothing
WITH relation AS (
    SELECT c.oid, c.relkind
      FROM pg_catalog.pg_class c
     WHERE c.relnamespace = to_regnamespace('public')
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
)
SELECT (SELECT count(*) FROM relation WHERE relkind IN ('r', 'p')) AS tables,
       (SELECT count(*) FROM relation WHERE relkind IN ('i', 'I')) AS indexes,
       (SELECT count(*) FROM pg_catalog.pg_trigger t JOIN relation r ON r.oid = t.tgrelid
         WHERE NOT t.tgisinternal AND t.tgparentid = 0) AS triggers,
       (SELECT count(*) FROM relation WHERE relkind = 'v') AS views,
       (SELECT count(*) FROM relation WHERE relkind = 'm') AS materialized_views,
       (SELECT count(*) FROM pg_catalog.pg_policy p JOIN relation r ON r.oid = p.polrelid) AS policies,
       (SELECT count(*) FROM pg_catalog.pg_proc f
         WHERE f.pronamespace = to_regnamespace('public')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = f.oid
                              AND d.deptype = 'e')) AS functions
