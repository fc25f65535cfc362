-- How many vectors of a model ($1) the caller may see, of one user ($3) or of all, counted up to $2.
SELECT count(*) AS counted
  FROM (SELECT FROM public.embeddings e
         WHERE e.model_name = $1::text AND ($3::uuid IS NULL OR e.user_id = $3::uuid)
         LIMIT $2::bigint) AS few
