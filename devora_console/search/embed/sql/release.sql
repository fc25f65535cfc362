-- Give back the claims of a run ($2) on documents, once they are dealt with. Row by row, by the index.
DELETE FROM devora_console.embedding_claim c
 USING (
       SELECT x.ctid AS place
         FROM unnest($3::uuid[], $4::text[], $5::uuid[]) AS k (user_id, entity_type, entity_id)
        CROSS JOIN LATERAL (
              SELECT o.ctid FROM devora_console.embedding_claim o
               WHERE o.model_name = $1 AND o.user_id = k.user_id AND o.entity_type = k.entity_type
                 AND o.entity_id = k.entity_id AND o.claimed_by = $2
              OFFSET 0) x) mine
 WHERE c.ctid = mine.place
