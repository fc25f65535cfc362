-- One vector of one document.
INSERT INTO public.embeddings
       (entity_type, entity_id, text_content, content_hash, model_name, user_id, embedding_vector)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::vector)
