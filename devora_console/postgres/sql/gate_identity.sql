-- What: which database this is, wherever it is reached: the cluster's own number, and the database's in it.
-- Serves: 14 and later. Cost: nothing. Grants: EXECUTE on pg_control_system (granted to all, unless a host revokes it).
SELECT format('postgresql %s/%s', c.system_identifier,
              (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
  FROM pg_catalog.pg_control_system() c
