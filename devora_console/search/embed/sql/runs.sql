-- The latest back-fills, and whether they are alive: a run holds an advisory lock of its own as long as it is.
SELECT r.id, r.model_name, r.state, r.started, r.ended, r.embedded, r.failed, r.tokens, r.cost, r.note,
       EXISTS (
       SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND l.classid = $1::bigint::oid AND l.objid = (hashtext(r.id::text)::bigint & 4294967295)::oid
          AND l.objsubid = 2) AS alive
  FROM devora_console.embedding_run r
 ORDER BY r.started DESC
 LIMIT $2
