-- What: for each collection, documents that are in quarantine: those that are open, and those that were waived by name
--       and are still held back. who: by whom.
-- Serves: 14 and later. Cost: the quarantine. Grants: owner of devora_console.
SELECT q.collection,
       count(*) FILTER (WHERE q.resolved_at IS NULL) AS open,
       count(DISTINCT q.source_id) FILTER (WHERE q.resolved_at IS NOT NULL) AS waived,
       array_agg(DISTINCT q.resolved_by) FILTER (WHERE q.resolved_at IS NOT NULL) AS who
  FROM devora_console.quarantine q
 WHERE q.resolved_at IS NULL
    OR (q.resolved_by LIKE 'waived by %'
        AND EXISTS (SELECT FROM devora_console.document d
                     WHERE d.collection = q.collection AND d.source_id = q.source_id AND d.fate = 'quarantined'))
 GROUP BY q.collection
 ORDER BY q.collection
