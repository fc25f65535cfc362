-- What: the age of the oldest transaction id and multixact id of every database, template0 included, and the settings.
-- Serves: 14 and later. Cost: catalogue. Grants: none.
SELECT textsend(d.datname::text) AS database, age(d.datfrozenxid)::bigint AS xid_age, mxid_age(d.datminmxid)::bigint AS mxid_age,
       d.datallowconn AS connectable,
       current_setting('autovacuum_freeze_max_age')::bigint AS xid_due,
       current_setting('autovacuum_multixact_freeze_max_age')::bigint AS mxid_due,
       current_setting('vacuum_failsafe_age')::bigint AS xid_failsafe,
       current_setting('vacuum_multixact_failsafe_age')::bigint AS mxid_failsafe
  FROM pg_catalog.pg_database d
 ORDER BY greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) DESC, d.datname
