-- What: the size of this database, all its files.
-- Serves: 14 and later. Cost: a look at every file. Grants: CONNECT.
SELECT pg_catalog.pg_database_size((SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()))
       AS bytes
