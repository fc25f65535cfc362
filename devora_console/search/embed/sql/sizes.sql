-- Bytes of the bodies of documents, without reading them.
SELECT k.user_id, k.entity_type, k.entity_id,
       coalesce(CASE k.entity_type
           WHEN 'message' THEN (SELECT octet_length(m.content) FROM public.messages m WHERE m.id = k.entity_id)
           WHEN 'file' THEN (SELECT octet_length(f.content) FROM public.project_files f WHERE f.id = k.entity_id)
           WHEN 'project' THEN (SELECT octet_length(p.description) FROM public.projects p WHERE p.id = k.entity_id)
       END, 0) AS bytes
  FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS k (user_id, entity_type, entity_id)
