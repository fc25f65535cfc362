-- What: documents of a collection held in quarantine or waived as they are, with the digest of their bytes.
-- Serves: 14 and later. Cost: the collection's quarantine. Grants: owner of devora_console.
SELECT DISTINCT ON (source_id) source_id, decode(md5(raw_bson), 'hex') AS digest
  FROM devora_console.quarantine
 WHERE collection = $1
   AND (resolved_at IS NULL OR resolved_by LIKE 'waived by %')
   AND (resolved_at IS NULL OR EXISTS (SELECT 1 FROM devora_console.document d
                                        WHERE d.collection = $1 AND d.source_id = quarantine.source_id
                                          AND d.fate = 'quarantined'))
 ORDER BY source_id, resolved_at DESC NULLS FIRST
