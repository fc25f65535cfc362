-- What: what this user is and may do here, and which of the roles in $1 are missing.
-- Serves: 14 and later. Cost: nothing. Grants: none. Settings that are hidden from this user come as null.
SELECT current_user::text AS "user",
       quote_ident(current_user) AS quoted_user,
       quote_ident(current_database()) AS quoted_database,
       current_database()::text AS database,
       current_setting('server_encoding') AS encoding,
       me.rolsuper AS superuser,
       me.rolsuper OR me.rolcreaterole AS may_create_roles,
       me.rolname = ANY ($1::text[]) AS is_group_role,
       ARRAY(SELECT wanted FROM unnest($1::text[]) wanted
              WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted)) AS missing_roles,
       pg_is_in_recovery() AS standby,
       split_part(current_setting('server_version'), ' ', 1) AS version,
       current_setting('server_version_num')::integer AS server_version_num,
       has_database_privilege(current_database(), 'TEMP') AS may_create_temporary,
       ARRAY(SELECT DISTINCT quote_ident(pg_get_userbyid(c.relowner))
               FROM pg_catalog.pg_class c
              WHERE c.relnamespace IN (to_regnamespace('public'), to_regnamespace('devora_console'))
                AND c.relkind IN ('r', 'p')
                AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                                 WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = c.oid
                                   AND x.deptype = 'e')
              ORDER BY 1) AS table_owners,
       (SELECT coalesce(bool_and(pg_has_role(c.relowner, 'USAGE')), true)
          FROM pg_catalog.pg_class c
         WHERE c.relnamespace IN (to_regnamespace('public'), to_regnamespace('devora_console'))
           AND c.relkind IN ('r', 'p')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                            WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.objid = c.oid
                              AND x.deptype = 'e')) AS owns_tables,
       (SELECT s.setting FROM pg_catalog.pg_settings s WHERE s.name = 'data_directory') AS data_directory,
       (SELECT s.setting FROM pg_catalog.pg_settings s WHERE s.name = 'shared_preload_libraries') AS preloaded,
       pg_postmaster_start_time() AS started_at
  FROM pg_catalog.pg_roles me, pg_catalog.pg_database d
 WHERE me.rolname = current_user AND d.datname = current_database()
