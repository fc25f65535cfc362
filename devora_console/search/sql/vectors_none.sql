-- Whether there is a vector of this model ($1) for the user ($2; NULL: anybody), else one of which other model.
SELECT EXISTS (SELECT FROM public.embeddings e
                WHERE e.model_name = $1::text AND ($2::uuid IS NULL OR e.user_id = $2::uuid)) AS of_this,
       (SELECT e.model_name FROM public.embeddings e
         WHERE e.model_name <> $1::text AND ($2::uuid IS NULL OR e.user_id = $2::uuid) LIMIT 1) AS other
