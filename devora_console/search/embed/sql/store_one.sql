-- The vectors of one document, if it is still what was embedded ($4 its hash). Its chunks beyond these go.
WITH still AS (
    SELECT d.user_id, d.entity_type, d.entity_id
      FROM public.search_documents d
     WHERE d.user_id = $1 AND d.entity_type = $2 AND d.entity_id = $3 AND d.content_hash = $4
), gone AS (
    DELETE FROM public.embeddings e
     USING still s
     WHERE e.user_id = s.user_id AND e.entity_type = s.entity_type AND e.entity_id = s.entity_id
       AND e.model_name = $5 AND e.chunk >= cardinality($6::text[])
)
INSERT INTO public.embeddings AS e
       (user_id, entity_type, entity_id, chunk, text_content, content_hash, model_name, embedding_vector)
SELECT s.user_id, s.entity_type, s.entity_id, g.place - 1, g.piece, $4, $5, g.numbers::vector
  FROM still s, unnest($6::text[], $7::text[]) WITH ORDINALITY AS g (piece, numbers, place)
    ON CONFLICT (user_id, entity_type, entity_id, model_name, chunk) DO UPDATE
   SET text_content = excluded.text_content, content_hash = excluded.content_hash,
       embedding_vector = excluded.embedding_vector, updated_at = now()
