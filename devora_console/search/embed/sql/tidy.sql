-- Vectors of model $1 whose documents are gone.
DELETE FROM public.embeddings e
 WHERE e.model_name = $1
   AND NOT EXISTS (
       SELECT FROM public.search_documents d
        WHERE d.user_id = e.user_id AND d.entity_type = e.entity_type AND d.entity_id = e.entity_id)
