-- Whether the caller has more than $3 vectors of the model $1, of one user ($2) or of all; and how widely the index is
-- walked for them, from $4 on.
SELECT count(*) > $3::bigint AS many,
       (SELECT w.width FROM devora_console.search_width(
               coalesce(format('e.user_id = %L', $2::uuid), 'true'), $1::text, $4::integer) w) AS width
  FROM (SELECT FROM public.embeddings e
         WHERE e.model_name = $1::text AND ($2::uuid IS NULL OR e.user_id = $2::uuid)
         LIMIT $3::bigint + 1) AS few
