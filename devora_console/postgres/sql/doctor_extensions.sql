-- What: of the extensions in $1, which are created here, which the server has, and which this user may create.
-- Serves: 14 and later. Cost: reads the control files of the server. Grants: none.
SELECT wanted.name,
       e.extversion AS installed,
       available.default_version AS available,
       coalesce(v.trusted, false) AS trusted,
       coalesce(me.rolsuper OR v.trusted AND has_database_privilege(current_database(), 'CREATE'), false) AS permitted
  FROM unnest($1::text[]) AS wanted (name)
  LEFT JOIN pg_catalog.pg_extension e ON e.extname = wanted.name
  LEFT JOIN pg_catalog.pg_available_extensions available ON available.name = wanted.name
  LEFT JOIN pg_catalog.pg_available_extension_versions v
    ON v.name = wanted.name AND v.version = available.default_version
  LEFT JOIN pg_catalog.pg_roles me ON me.rolname = current_user
