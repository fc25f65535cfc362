-- What: the definitions of indexes that something is said of.
-- Serves: 14 and later. Cost: about 30 us each. Grants: none.
-- $1: oids of the indexes. What is under an AccessExclusiveLock, held or queued, or gone, is left out.
SELECT i.indexrelid::bigint AS oid,
       pg_get_indexdef(i.indexrelid) AS definition
  FROM pg_catalog.pg_index i
 WHERE i.indexrelid = ANY ($1::bigint[]::oid[])
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l
                    WHERE l.locktype = 'relation'
                      AND l.mode = 'AccessExclusiveLock'
                      AND l.relation IN (i.indexrelid, i.indrelid)
                      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d
                                         WHERE d.datname = current_database()))
