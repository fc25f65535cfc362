-- Whether the user ($2; NULL: anybody) has a document at all, a vector of this model ($1), else one of which other.
SELECT EXISTS (SELECT FROM public.embeddings e
                WHERE e.model_name = $1::text AND ($2::uuid IS NULL OR e.user_id = $2::uuid)) AS of_this,
       EXISTS (SELECT FROM public.search_documents d WHERE $2::uuid IS NULL OR d.user_id = $2::uuid) AS documents,
       (SELECT e.model_name FROM public.embeddings e
         WHERE e.model_name <> $1::text AND ($2::uuid IS NULL OR e.user_id = $2::uuid) LIMIT 1) AS other
