-- What: record what became of documents; touches only what changed.
-- Serves: 14 and later. Cost: one batch. Grants: owner of devora_console.
INSERT INTO devora_console.document AS d (collection, source_id, fate, target_table, pk, digest, run)
SELECT $1, s.source_id, s.fate, $2, s.pk, s.digest, $3
  FROM unnest($4::text[], $5::text[], $6::text[], $7::bytea[]) AS s (source_id, fate, pk, digest)
    ON CONFLICT (collection, source_id) DO UPDATE
   SET fate = excluded.fate, target_table = excluded.target_table, pk = excluded.pk, digest = excluded.digest,
       run = excluded.run
 WHERE (d.fate, d.target_table, d.pk, d.digest)
       IS DISTINCT FROM (excluded.fate, excluded.target_table, excluded.pk, excluded.digest)
