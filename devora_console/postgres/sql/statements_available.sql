-- What: whether pg_stat_statements could be created here.
-- Serves: 14 and later. Cost: reads the control files of the server's extensions. Grants: none.
SELECT EXISTS (SELECT FROM pg_catalog.pg_available_extensions a WHERE a.name = 'pg_stat_statements') AS available
