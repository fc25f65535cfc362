-- What: shared_preload_libraries as the configuration files have it, in force or not yet.
-- Serves: 14 and later. Cost: reads the configuration files. Grants: superuser.
-- A value that waits for a restart has an error ("could not be applied"), so errors are not left out.
SELECT f.setting
  FROM pg_catalog.pg_file_settings f
 WHERE f.name = 'shared_preload_libraries'
 ORDER BY f.seqno DESC
 LIMIT 1
