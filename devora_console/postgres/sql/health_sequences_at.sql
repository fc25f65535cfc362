-- What: where sequences stand that pg_sequence_last_value calls unused: never used, or set anew (RESTART, setval with
--       false), perhaps near their end. $1: oids. Nothing of those this user may not read, or that are locked.
-- Serves: 14 to 17, which have no function for it: the text of a query, run for each. Cost: one page for each sequence.
-- Grants: SELECT on the sequences.
SELECT c.oid::bigint AS oid,
       substring(query_to_xml(format('/* devora-console */ SELECT last_value FROM %I.%I /* devora-console */',
                                     n.nspname, c.relname), true, true, '')::text
                 FROM '<last_value>(-?[0-9]+)</last_value>')::bigint AS next_value
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = ANY ($1::bigint[]::oid[])
   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT') END AND has_schema_privilege(n.oid, 'USAGE')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l
                    WHERE l.relation = c.oid AND l.mode = 'AccessExclusiveLock'
                      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
