-- Give back the claims of a run ($2) on documents, once they are dealt with.
DELETE FROM devora_console.embedding_claim c
 USING unnest($3::uuid[], $4::text[], $5::uuid[]) AS k (user_id, entity_type, entity_id)
 WHERE c.model_name = $1 AND c.claimed_by = $2
   AND c.user_id = k.user_id AND c.entity_type = k.entity_type AND c.entity_id = k.entity_id
