-- The models that there are vectors of, with their dimensions.
SELECT e.model_name, vector_dims(e.embedding_vector) AS dims, count(*) AS vectors
  FROM public.embeddings e
 WHERE e.embedding_vector IS NOT NULL
 GROUP BY 1, 2
 ORDER BY 3 DESC, 1, 2
