-- What: batches committed by the runs just before run $2 that were cut off, all of them with the fingerprint $1: another
--       one in between may have written something else.
-- Serves: 14 and later. Cost: the batches of these runs. Grants: owner of devora_console.
SELECT c.collection, c.piece, c.pieces
  FROM devora_console.checkpoint c
  JOIN devora_console.run r USING (run)
 WHERE r.kind = 'execute'
   AND c.phase = 'write'
   AND r.fingerprint = $1
   AND r.run <> $2
   AND r.started_at > coalesce((SELECT max(o.started_at) FROM devora_console.run o
                                 WHERE o.kind = 'execute' AND o.run <> $2
                                   AND (o.state = 'done' OR o.fingerprint IS DISTINCT FROM $1)), '-infinity')
