-- The texts of documents together with their hash, as one moment saw both.
SELECT d.user_id, d.entity_type, d.entity_id, d.title, d.context, d.content_hash,
       CASE d.entity_type
           WHEN 'message' THEN (SELECT m.content FROM public.messages m WHERE m.id = d.entity_id)
           WHEN 'file' THEN (SELECT f.content FROM public.project_files f WHERE f.id = d.entity_id)
           WHEN 'project' THEN (SELECT p.description FROM public.projects p WHERE p.id = d.entity_id)
       END AS body
  FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS k (user_id, entity_type, entity_id)
  JOIN public.search_documents d USING (user_id, entity_type, entity_id)
