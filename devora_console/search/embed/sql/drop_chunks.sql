-- A document that has become shorter: the vectors of chunks that it no longer has.
DELETE FROM public.embeddings e
 USING embed_batch b
 WHERE b.chunk = 0 AND e.user_id = b.user_id AND e.entity_type = b.entity_type AND e.entity_id = b.entity_id
   AND e.model_name = $1 AND e.chunk >= b.chunks AND e.content_hash IS DISTINCT FROM b.content_hash
