-- Whether the caller has more than $3 vectors of the model $1, of one user ($2) or of all.
SELECT count(*) > $3::bigint AS many
  FROM (SELECT FROM public.embeddings e
         WHERE e.model_name = $1::text AND ($2::uuid IS NULL OR e.user_id = $2::uuid)
         LIMIT $3::bigint + 1) AS few
