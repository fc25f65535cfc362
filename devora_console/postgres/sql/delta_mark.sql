-- What: the moment: which transactions are over, the number of the next one, and which database this is.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT now() AS at,
       pg_catalog.pg_current_snapshot()::text AS snapshot,
       pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::int8 AS next,
       (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system,
       pg_catalog.current_database()::text AS database
