-- Users whose id or address holds $1 (folded, % and _ escaped by the caller), the exact one first; $2 at most. Their
-- documents are counted up to a thousand: enough to tell somebody with many from somebody with none.
WITH found AS (
    SELECT u.id, u.email FROM public.users u
     WHERE u.id::text = lower($1) OR u.email ILIKE '%' || $3 || '%' OR u.id::text LIKE lower($3) || '%'
     ORDER BY (u.id::text = lower($1) OR lower(u.email) = lower($1)) DESC, u.email
     LIMIT $2
)
SELECT f.id, f.email, n.documents
  FROM found f
 CROSS JOIN LATERAL (SELECT count(*) AS documents
                       FROM (SELECT 1 FROM public.search_documents d WHERE d.user_id = f.id LIMIT 1001) AS first) AS n
 ORDER BY n.documents = 0, (f.id::text = lower($1) OR lower(f.email) = lower($1)) DESC, f.email
