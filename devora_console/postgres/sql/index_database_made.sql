-- What: when this database was made: a file that is written once. Counters cannot be older than that.
-- Serves: 14 and later. Cost: nothing. Grants: superuser, or EXECUTE on pg_stat_file.
SELECT (pg_stat_file(CASE WHEN d.dattablespace = 1663 THEN 'base/' || d.oid || '/PG_VERSION'
                          ELSE NULL END, true)).modification AS made
  FROM pg_catalog.pg_database d
 WHERE d.datname = current_database()
