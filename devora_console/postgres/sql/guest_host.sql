-- What: where we are, and what this user may see. For Host of watch/guest.py.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT current_setting('server_version_num')::integer AS version,
       current_database()::text AS database,
       (SELECT d.oid::bigint FROM pg_catalog.pg_database d WHERE d.datname = current_database()) AS database_oid,
       current_user::text AS "user",
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) AS superuser,
       pg_has_role('pg_read_all_stats', 'USAGE') AS reads_stats,
       pg_is_in_recovery() AS in_recovery,
       current_setting('server_encoding') AS encoding,
       current_setting('block_size')::integer AS block_size
