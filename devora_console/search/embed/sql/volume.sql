-- Documents of a partition to embed with model $1, by type, and the bytes of their bodies and of what stands in front.
SELECT d.entity_type, count(*) AS documents,
       sum(octet_length(d.title) + octet_length(d.context) + coalesce(CASE d.entity_type
           WHEN 'message' THEN (SELECT octet_length(m.content) FROM public.messages m WHERE m.id = d.entity_id)
           WHEN 'file' THEN (SELECT octet_length(f.content) FROM public.project_files f WHERE f.id = d.entity_id)
           WHEN 'project' THEN (SELECT octet_length(p.description) FROM public.projects p WHERE p.id = d.entity_id)
       END, 0))::bigint AS bytes
  FROM {documents} d
 WHERE NOT EXISTS (
       SELECT FROM {embeddings} e
        WHERE e.user_id = d.user_id AND e.entity_type = d.entity_type AND e.entity_id = d.entity_id
          AND e.model_name = $1 AND e.content_hash = d.content_hash AND e.embedding_vector IS NOT NULL)
   AND NOT EXISTS (
       SELECT FROM devora_console.embedding_failure f
        WHERE f.model_name = $1 AND f.user_id = d.user_id AND f.entity_type = d.entity_type
          AND f.entity_id = d.entity_id AND f.content_hash = d.content_hash)
 GROUP BY 1
