-- Documents by type and how it stands with their vectors of model $1. A document is what its chunks are together.
WITH vectors AS (
    SELECT e.user_id, e.entity_type, e.entity_id, count(*) AS chunks,
           bool_or(e.embedding_vector IS NULL) AS without,
           bool_or(vector_norm(e.embedding_vector) = 0) AS zero,
           min(e.content_hash) AS content_hash, count(DISTINCT e.content_hash) > 1 AS mixed
      FROM public.embeddings e
     WHERE e.model_name = $1
     GROUP BY 1, 2, 3
)
SELECT d.entity_type,
       count(*) AS documents,
       count(*) FILTER (WHERE v.content_hash = d.content_hash AND NOT v.mixed AND NOT v.without) AS current,
       count(*) FILTER (WHERE v.entity_id IS NOT NULL
                          AND (v.content_hash IS DISTINCT FROM d.content_hash OR v.mixed OR v.without)) AS stale,
       count(*) FILTER (WHERE v.entity_id IS NULL AND f.entity_id IS NULL) AS missing,
       count(*) FILTER (WHERE f.entity_id IS NOT NULL AND f.reason <> $2
                          AND v.content_hash IS DISTINCT FROM d.content_hash) AS failed,
       count(*) FILTER (WHERE f.entity_id IS NOT NULL AND f.reason = $2
                          AND v.content_hash IS DISTINCT FROM d.content_hash) AS empty,
       count(*) FILTER (WHERE f.entity_id IS NOT NULL AND v.entity_id IS NOT NULL
                          AND v.content_hash IS DISTINCT FROM d.content_hash) AS stale_and_failed,
       coalesce(sum(v.chunks), 0)::bigint AS vectors,
       count(*) FILTER (WHERE v.without) AS without_vector,
       count(*) FILTER (WHERE v.zero) AS zero_vectors
  FROM public.search_documents d
  LEFT JOIN vectors v ON v.user_id = d.user_id AND v.entity_type = d.entity_type AND v.entity_id = d.entity_id
  LEFT JOIN devora_console.embedding_failure f
    ON f.model_name = $1 AND f.user_id = d.user_id AND f.entity_type = d.entity_type AND f.entity_id = d.entity_id
   AND f.content_hash = d.content_hash
 GROUP BY 1
 ORDER BY 1
