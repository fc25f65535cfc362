-- What: the latest $3 turns of the conversation $1 of the user $2 (null: whoever's), newest first; one row without a
-- message for a conversation that has none, no row for one that is not there, deleted, or another user's.
-- Serves: 14 and later. Cost: an index scan of the conversation's end. Grants: SELECT on conversations and messages;
-- row-level security applies. What the application said to the model (role system) is no turn. $4 is the most
-- characters of a message.
SELECT turn.id::text AS message_id, turn.role::text AS role, turn.body, turn.timestamp AS at
  FROM public.conversations c
  LEFT JOIN LATERAL (
      SELECT m.id, m.role, left(m.content, $4) AS body, m.timestamp, m.ordinal
        FROM public.messages m
       WHERE m.conversation_id = c.id AND m.role <> 'system'
       ORDER BY m.timestamp DESC, m.ordinal DESC NULLS LAST, m.id DESC
       LIMIT $3
  ) AS turn ON true
 WHERE c.id = $1 AND c.deleted_at IS NULL AND ($2::uuid IS NULL OR c.user_id = $2)
 ORDER BY turn.timestamp DESC, turn.ordinal DESC NULLS LAST, turn.id DESC
