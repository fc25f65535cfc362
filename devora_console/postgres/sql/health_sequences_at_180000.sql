-- What: where sequences stand that pg_sequence_last_value calls unused: never used, or set anew (RESTART, setval with
--       false), perhaps near their end. $1: oids. Nothing of those this user may not read, or that are locked.
-- Serves: 18 and later (pg_get_sequence_data). Cost: one page for each sequence. Grants: SELECT on the sequences.
SELECT c.oid::bigint AS oid, (pg_get_sequence_data(c.oid::regclass)).last_value AS next_value
  FROM pg_catalog.pg_class c
 WHERE c.oid = ANY ($1::bigint[]::oid[])
   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT') END
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l
                    WHERE l.relation = c.oid AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock',
                                                            'ShareRowExclusiveLock', 'ShareLock')
                      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
