-- answers: who we are here, what we may do, which of the roles in $1 exist
-- serves: 14 on; cost: nothing; needs: nothing
SELECT current_setting('server_version_num')::integer AS server_version_num,
       current_database()::text AS database,
       quote_ident(current_database()) AS quoted_database,
       current_user::text AS "user",
       quote_ident(current_user) AS quoted_user,
       current_setting('server_encoding') AS encoding,
       pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only') = 'on' AS read_only,
       me.rolsuper AS superuser,
       me.rolsuper OR me.rolcreaterole AS may_create_roles,
       has_database_privilege(current_database(), 'CREATE') AS may_create_schemas,
       to_regnamespace('public') IS NOT NULL AS has_public,
       coalesce(has_schema_privilege(to_regnamespace('public'), 'CREATE'), false) AS may_create_tables,
       coalesce(has_schema_privilege('public', to_regnamespace('public'), 'CREATE'), false) AS anyone_may_create,
       ARRAY(SELECT wanted FROM unnest($1::text[]) wanted
              WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = wanted)) AS missing_roles
  FROM pg_catalog.pg_roles me
 WHERE me.rolname = current_user
