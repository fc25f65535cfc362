-- The latest $2 conversations of a user ($1; NULL: everybody's), those that were written in last first, with how many
-- messages each holds, counted up to a thousand. Row-level security applies to the application's role.
WITH latest AS (
    SELECT c.id, c.title, coalesce(c.last_message_at, c.updated_at) AS at
      FROM public.conversations c
     WHERE c.deleted_at IS NULL AND ($1::uuid IS NULL OR c.user_id = $1::uuid)
     ORDER BY c.updated_at DESC, c.id
     LIMIT $2
)
SELECT l.id, l.title, l.at, n.messages
  FROM latest l
 CROSS JOIN LATERAL (SELECT count(*) AS messages
                       FROM (SELECT 1 FROM public.messages m WHERE m.conversation_id = l.id LIMIT 1001) AS first) AS n
 ORDER BY l.at DESC, l.id
