-- Documents by type and how it stands with their vectors of model $1. A document is what its chunks are together; $2 is
-- the reason of those that have nothing to embed.
WITH vectors AS (
    SELECT e.user_id, e.entity_type, e.entity_id, count(*) AS chunks,
           count(*) FILTER (WHERE e.embedding_vector IS NULL) AS without,
           count(*) FILTER (WHERE vector_norm(e.embedding_vector) = 0) AS zero,
           min(e.content_hash) AS content_hash, min(e.content_hash) IS DISTINCT FROM max(e.content_hash) AS mixed
      FROM public.embeddings e
     WHERE e.model_name = $1
     GROUP BY 1, 2, 3
), documents AS (
    SELECT d.entity_type, v.chunks, v.without, v.zero,
           CASE WHEN v.content_hash = d.content_hash AND NOT v.mixed AND v.without = 0 THEN 'current'
                WHEN f.reason = $2 THEN 'empty'
                WHEN f.reason IS NOT NULL THEN 'failed'
                WHEN v.chunks > 0 THEN 'stale'
                ELSE 'missing' END AS state
      FROM public.search_documents d
      LEFT JOIN vectors v ON v.user_id = d.user_id AND v.entity_type = d.entity_type AND v.entity_id = d.entity_id
      LEFT JOIN devora_console.embedding_failure f
        ON f.model_name = $1 AND f.user_id = d.user_id AND f.entity_type = d.entity_type
       AND f.entity_id = d.entity_id AND f.content_hash = d.content_hash
)
SELECT kind AS entity_type, count(d.state) AS documents,
       count(*) FILTER (WHERE d.state = 'current') AS current, count(*) FILTER (WHERE d.state = 'stale') AS stale,
       count(*) FILTER (WHERE d.state = 'missing') AS missing, count(*) FILTER (WHERE d.state = 'failed') AS failed,
       count(*) FILTER (WHERE d.state = 'empty') AS empty, coalesce(sum(d.chunks), 0)::bigint AS vectors,
       coalesce(sum(d.without), 0)::bigint AS without_vector, coalesce(sum(d.zero), 0)::bigint AS zero_vectors
  FROM unnest('{project,conversation,message,file}'::text[]) WITH ORDINALITY AS k (kind, place)
  LEFT JOIN documents d ON d.entity_type = k.kind
 GROUP BY kind, place
 ORDER BY place
