-- What: when the latest copy of every collection that came to its end began: what was written to the source since may
--       not be in it. A copy of some collections alone (migrate --only) does not count.
-- Serves: 14 and later. Cost: the runs. Grants: owner of devora_console.
SELECT max(r.started_at) AS through
  FROM devora_console.run r
 WHERE r.kind = 'execute' AND r.state = 'done'
   AND NOT EXISTS (SELECT FROM jsonb_array_elements(coalesce(r.progress -> 'collections', '[]')) c
                    WHERE c ->> 'policy' = 'map' AND c ->> 'state' IN ('waiting', 'surveying', 'surveyed', 'failed'))
