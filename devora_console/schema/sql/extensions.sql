-- answers: which of the extensions in $1 are here, which the server has, which we may create
-- serves: 14 on; cost: reads the control files of the server; needs: nothing
SELECT wanted.name,
       EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = wanted.name) AS installed,
       available.name IS NOT NULL AS available,
       coalesce(me.rolsuper OR (has_database_privilege(current_database(), 'CREATE') AND EXISTS (
           SELECT FROM pg_catalog.pg_available_extension_versions v
            WHERE v.name = wanted.name AND v.version = available.default_version AND v.trusted)), false) AS permitted,
       current_setting(wanted.name || '.max', true) IS NOT NULL AS loaded
  FROM unnest($1::text[]) AS wanted (name)
  LEFT JOIN pg_catalog.pg_available_extensions available ON available.name = wanted.name
  LEFT JOIN pg_catalog.pg_roles me ON me.rolname = current_user
