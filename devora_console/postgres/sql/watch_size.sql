-- What: bytes on disk of this database.
-- Serves: 14 and later. Cost: asks the file system for every file of the database. Grants: CONNECT on it.
SELECT pg_database_size(current_database()) AS bytes
