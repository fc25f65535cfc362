-- What: the texts of things that a search found, $1 kinds and $2 ids side by side, for the user $3 (null: everybody's).
-- Serves: 14 and later. Cost: one look by primary key for each. Grants: SELECT on the four tables; row-level security
-- applies. The user stands here too, because a login that row-level security does not bind may be the one that asks:
-- of another's row only its owner is told, no text. $4 is the most characters of a text.
WITH wanted AS (
    SELECT w.entity_type, w.entity_id
      FROM unnest($1::text[], $2::uuid[]) AS w (entity_type, entity_id)
), body AS (
    SELECT w.entity_type, p.id AS entity_id, p.user_id, p.name::text AS title,
           coalesce(p.description, '') AS body, p.updated_at AS happened_at
      FROM wanted w
      JOIN public.projects p ON p.id = w.entity_id
     WHERE w.entity_type = 'project' AND p.deleted_at IS NULL
    UNION ALL
    SELECT w.entity_type, f.id, p.user_id, p.name || ' / ' || f.name, coalesce(f.content, ''), f.updated_at
      FROM wanted w
      JOIN public.project_files f ON f.id = w.entity_id
      JOIN public.projects p ON p.id = f.project_id
     WHERE w.entity_type = 'file' AND f.is_current AND p.deleted_at IS NULL
    UNION ALL
    SELECT w.entity_type, m.id, c.user_id, c.title::text, m.content, m.timestamp
      FROM wanted w
      JOIN public.messages m ON m.id = w.entity_id
      JOIN public.conversations c ON c.id = m.conversation_id
     WHERE w.entity_type = 'message' AND c.deleted_at IS NULL
    UNION ALL
    -- A conversation's title says little: what it began with stands for it.
    SELECT w.entity_type, c.id, c.user_id, c.title::text, coalesce(said.body, ''),
           coalesce(c.last_message_at, c.updated_at)
      FROM wanted w
      JOIN public.conversations c ON c.id = w.entity_id
      LEFT JOIN LATERAL (
          SELECT string_agg(first.role || ': ' || left(first.content, 1000), E'\n'
                            ORDER BY first.timestamp, first.ordinal, first.id) AS body
            FROM (SELECT m.role, m.content, m.timestamp, m.ordinal, m.id
                    FROM public.messages m
                   WHERE m.conversation_id = c.id AND m.role <> 'system'
                   ORDER BY m.timestamp, m.ordinal, m.id
                   LIMIT 4) AS first
      ) AS said ON true
     WHERE w.entity_type = 'conversation' AND c.deleted_at IS NULL
)
SELECT b.entity_type, b.entity_id::text AS entity_id, asker.same AS mine,
       CASE WHEN asker.same THEN b.title ELSE '' END AS title,
       CASE WHEN asker.same THEN left(b.body, $4) ELSE '' END AS body,
       CASE WHEN asker.same THEN char_length(b.body) ELSE 0 END AS characters,
       b.happened_at
  FROM body b
 CROSS JOIN LATERAL (SELECT $3::uuid IS NULL OR b.user_id = $3 AS same) AS asker
