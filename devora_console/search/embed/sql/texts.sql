-- The texts of documents together with their hash, as one moment saw both, and whether they have vectors of model $4
-- already. Bodies of more than $5 bytes are left out, and only measured.
SELECT d.user_id, d.entity_type, d.entity_id, d.title, d.context, d.content_hash, coalesce(octet_length(b.body), 0) AS bytes,
       CASE WHEN octet_length(b.body) <= $5 THEN b.body END AS body,
       EXISTS (
       SELECT FROM {embeddings} e
        WHERE e.user_id = d.user_id AND e.entity_type = d.entity_type AND e.entity_id = d.entity_id
          AND e.model_name = $4) AS again
  FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS k (user_id, entity_type, entity_id)
  JOIN {documents} d USING (user_id, entity_type, entity_id)
  CROSS JOIN LATERAL (
       SELECT CASE d.entity_type
           WHEN 'message' THEN (SELECT m.content FROM public.messages m WHERE m.id = d.entity_id)
           WHEN 'file' THEN (SELECT f.content FROM public.project_files f WHERE f.id = d.entity_id)
           WHEN 'project' THEN (SELECT p.description FROM public.projects p WHERE p.id = d.entity_id)
       END AS body OFFSET 0) b
