-- Search documents, and how they stand with their vectors of model $1: current when every chunk is of the present text.
WITH vectors AS (
    SELECT e.user_id, e.entity_type, e.entity_id, min(e.content_hash) AS least, max(e.content_hash) AS most
      FROM public.embeddings e
     WHERE e.model_name = $1 AND e.embedding_vector IS NOT NULL
     GROUP BY 1, 2, 3
)
SELECT count(*) AS documents, count(*) FILTER (WHERE d.search_vector <> ''::tsvector) AS vectors,
       count(*) FILTER (WHERE v.least = d.content_hash AND v.most = d.content_hash) AS current,
       count(*) FILTER (WHERE v.least IS DISTINCT FROM d.content_hash OR v.most IS DISTINCT FROM d.content_hash)
           - count(*) FILTER (WHERE v.least IS NULL) AS stale
  FROM public.search_documents d
  LEFT JOIN vectors v ON v.user_id = d.user_id AND v.entity_type = d.entity_type AND v.entity_id = d.entity_id
