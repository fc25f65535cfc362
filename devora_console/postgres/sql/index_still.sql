-- What: which of these indexes are not valid still: a build may have ended since they were read. Those gone are left out.
-- Serves: 14 and later. Cost: index scans. Grants: none. $1: oids of the indexes.
SELECT i.indexrelid::bigint AS oid, i.indisvalid AS valid, i.indisready AS ready, i.indislive AS live
  FROM pg_catalog.pg_index i
 WHERE i.indexrelid = ANY ($1::bigint[]::oid[])
