-- How long searches took from $1 to $2, and retrievals for RAG prompts, which are recorded beside them.
-- A percentile is the smallest value that so many percent do not exceed, as in the metrics.
-- Versions: all. Cost: the searches of the window, by idx_search_queries_timestamp. Grants: SELECT, past row security.
SELECT s.search_type = 'rag' AS rag,
       count(*) AS measured,
       percentile_disc(0.50) WITHIN GROUP (ORDER BY s.execution_time_ms) AS p50,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY s.execution_time_ms) AS p95
  FROM public.search_queries s
 WHERE s."timestamp" > $1 AND s."timestamp" <= $2 AND s.execution_time_ms >= 0
 GROUP BY 1
