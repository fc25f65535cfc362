-- Take those of the documents $3 to $5 that nobody has, for $6 seconds: run $2, model $1. A lease that is over is taken
-- from whoever had it; one that somebody else is just taking over is left to them.
WITH asked AS (
    SELECT * FROM unnest($3::uuid[], $4::text[], $5::uuid[]) AS a (user_id, entity_type, entity_id)
), expired AS (
    SELECT c.user_id, c.entity_type, c.entity_id
      FROM devora_console.embedding_claim c
      JOIN asked a USING (user_id, entity_type, entity_id)
     WHERE c.model_name = $1 AND c.until <= now()
       FOR UPDATE OF c SKIP LOCKED
), renewed AS (
    UPDATE devora_console.embedding_claim c
       SET claimed_by = $2, until = now() + make_interval(secs => $6)
      FROM expired x
     WHERE c.model_name = $1 AND c.user_id = x.user_id AND c.entity_type = x.entity_type AND c.entity_id = x.entity_id
    RETURNING c.user_id, c.entity_type, c.entity_id
), taken AS (
    INSERT INTO devora_console.embedding_claim (model_name, user_id, entity_type, entity_id, claimed_by, until)
    SELECT $1, a.user_id, a.entity_type, a.entity_id, $2, now() + make_interval(secs => $6)
      FROM asked a
     ORDER BY a.user_id, a.entity_type, a.entity_id
        ON CONFLICT (model_name, user_id, entity_type, entity_id) DO NOTHING
    RETURNING user_id, entity_type, entity_id
)
SELECT * FROM renewed UNION ALL SELECT * FROM taken
