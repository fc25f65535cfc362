-- What: how many tables schema public holds (without those of extensions), and which extensions are created.
-- Serves: 14 and later. Cost: catalogue only. Grants: none.
SELECT (SELECT count(*)
          FROM pg_catalog.pg_class c
         WHERE c.relnamespace = to_regnamespace('public')
           AND c.relkind IN ('r', 'p')
           AND NOT c.relispartition
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
                              AND d.deptype = 'e')) AS tables,
       ARRAY(SELECT e.extname::text FROM pg_catalog.pg_extension e ORDER BY e.extname) AS extensions,
       ARRAY(SELECT e.extversion FROM pg_catalog.pg_extension e ORDER BY e.extname) AS extension_versions
