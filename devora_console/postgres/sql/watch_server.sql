-- What: which server, database and user this is, since when the server runs, and what the user is here.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT split_part(current_setting('server_version'), ' ', 1) AS version,
       current_setting('server_version_num')::integer AS server_version_num,
       current_database()::text AS database,
       current_user::text AS "user",
       me.rolsuper AS superuser,
       pg_has_role(d.datdba, 'USAGE') AS database_owner,
       pg_is_in_recovery() AS in_recovery,
       pg_postmaster_start_time() AS started_at,
       clock_timestamp() AS server_time
  FROM pg_catalog.pg_roles me, pg_catalog.pg_database d
 WHERE me.rolname = current_user AND d.datname = current_database()
