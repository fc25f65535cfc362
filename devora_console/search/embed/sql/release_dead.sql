-- Claims whose lease is over, or whose run is gone: a run holds an advisory lock of its own as long as it lives.
DELETE FROM devora_console.embedding_claim c
 WHERE c.until <= now()
    OR NOT EXISTS (
       SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND l.classid = $1::bigint::oid AND l.objid = (hashtext(c.claimed_by::text)::bigint & 4294967295)::oid
          AND l.objsubid = 2)
