-- What: put documents into quarantine; one that is there unchanged, or waived as it is, stays untouched.
-- Serves: 14 and later. Cost: one batch. Grants: owner of devora_console.
INSERT INTO devora_console.quarantine AS q
       (collection, source_id, run, path, rule, sqlstate, constraint_name, message, raw_bson, first_seen, last_seen, attempts)
SELECT $1, s.source_id, $2, s.path, s.rule, s.sqlstate, s.constraint_name, s.message, s.raw_bson, now(), now(), 1
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[])
       AS s (source_id, path, rule, sqlstate, constraint_name, message, raw_bson)
 WHERE NOT EXISTS (SELECT 1 FROM devora_console.quarantine w
                    WHERE w.collection = $1 AND w.source_id = s.source_id AND w.resolved_by LIKE 'waived by %'
                      AND w.raw_bson = s.raw_bson)
    ON CONFLICT (collection, source_id) WHERE resolved_at IS NULL DO UPDATE
   SET run = excluded.run, path = excluded.path, rule = excluded.rule, sqlstate = excluded.sqlstate,
       constraint_name = excluded.constraint_name, message = excluded.message, raw_bson = excluded.raw_bson,
       last_seen = excluded.last_seen, attempts = q.attempts + 1
 WHERE (q.path, q.rule, q.sqlstate, q.constraint_name, q.message, q.raw_bson) IS DISTINCT FROM
       (excluded.path, excluded.rule, excluded.sqlstate, excluded.constraint_name, excluded.message, excluded.raw_bson)
