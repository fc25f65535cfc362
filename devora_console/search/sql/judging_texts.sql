-- Every document with its body, to be embedded.
SELECT d.entity_type, d.entity_id, d.context, d.title, d.content_hash,
       CASE d.entity_type
            WHEN 'message' THEN (SELECT m.content FROM public.messages m WHERE m.id = d.entity_id)
            WHEN 'file' THEN (SELECT f.content FROM public.project_files f WHERE f.id = d.entity_id)
            WHEN 'project' THEN (SELECT p.description FROM public.projects p WHERE p.id = d.entity_id)
       END AS body
  FROM public.search_documents d
 ORDER BY d.entity_type, d.entity_id
