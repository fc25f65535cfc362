-- What: batches committed by runs with the same fingerprint that were cut off since the last complete one.
-- Serves: 14 and later. Cost: the batches of these runs. Grants: owner of devora_console.
SELECT c.collection, c.piece, c.pieces
  FROM devora_console.checkpoint c
  JOIN devora_console.run r USING (run)
 WHERE r.kind = 'execute'
   AND c.phase = 'write'
   AND r.fingerprint = $1
   AND r.started_at > coalesce((SELECT max(started_at) FROM devora_console.run
                                 WHERE kind = 'execute' AND state = 'done'), '-infinity')
