-- What: what the console recorded here: schema versions, open quarantine, the last copy, who holds the lease.
-- Serves: 14 and later. Cost: one index scan over the open quarantine. Grants: owner of devora_console.
-- The migration's lease is an advisory lock; 459214190 and 2476885191 are the two halves of its number.
SELECT (SELECT max(v.version) FROM devora_console.schema_version v) AS schema_version,
       (SELECT count(*) FROM devora_console.schema_version v) AS schema_versions,
       (SELECT count(*) FROM devora_console.quarantine q WHERE q.resolved_at IS NULL) AS quarantine_open,
       (SELECT count(*) > 0
          FROM pg_catalog.pg_locks l
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
           AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
           AND l.classid = 459214190 AND l.objid = 2476885191) AS lease_held,
       lease.holder AS lease_holder,
       lease.acquired_at AS lease_since,
       last.run::text AS run,
       last.state AS run_state,
       last.started_at AS run_started_at,
       last.finished_at AS run_finished_at,
       last.holder AS run_holder,
       (SELECT sum(r.value::bigint)::bigint
          FROM jsonb_each(last.summary) c, jsonb_each_text(c.value -> 'rows') r) AS run_rows
  FROM (SELECT) one
  LEFT JOIN devora_console.lease lease ON lease.name = 'migration'
  LEFT JOIN (SELECT * FROM devora_console.run r
              WHERE r.kind = 'execute' ORDER BY r.started_at DESC NULLS LAST LIMIT 1) last ON true
