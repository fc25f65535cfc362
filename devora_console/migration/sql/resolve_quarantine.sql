-- What: documents that are no longer refused leave quarantine; their history stays.
-- Serves: 14 and later. Cost: one batch. Grants: owner of devora_console.
UPDATE devora_console.quarantine
   SET resolved_at = now(), resolved_by = $3, reason = $4
 WHERE collection = $1 AND source_id = ANY ($2::text[]) AND resolved_at IS NULL
