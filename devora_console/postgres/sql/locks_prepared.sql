-- What: transactions that are prepared and wait for COMMIT PREPARED or ROLLBACK PREPARED.
-- Their names may be in the encoding of another database, and so travel as bytes.
-- Serves: 14 and later. Cost: nothing. Grants: none.
SELECT p.transaction::text AS transaction,
       pg_catalog.textsend(p.gid) AS gid,
       pg_catalog.textsend(p.owner::text) AS owner,
       pg_catalog.textsend(p.database::text) AS database,
       extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::double precision AS seconds
  FROM pg_catalog.pg_prepared_xacts p
