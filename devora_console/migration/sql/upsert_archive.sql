-- What: keep documents of collections without a table, whole: canonical Extended JSON and raw BSON.
-- Serves: 14 and later. Cost: one batch. Grants: owner of devora_console.
INSERT INTO devora_console.archive AS a (collection, source_id, document, raw_bson, digest, run, archived_at)
SELECT $1, s.source_id, s.document::json, s.raw_bson, s.digest, $2, now()
  FROM unnest($3::text[], $4::text[], $5::bytea[], $6::bytea[]) AS s (source_id, document, raw_bson, digest)
    ON CONFLICT (collection, source_id) DO UPDATE
   SET document = excluded.document, raw_bson = excluded.raw_bson, digest = excluded.digest, run = excluded.run,
       archived_at = excluded.archived_at
 WHERE (a.digest, a.raw_bson, a.document::text)
       IS DISTINCT FROM (excluded.digest, excluded.raw_bson, excluded.document::text)
