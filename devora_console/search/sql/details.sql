-- Title, place and snippet of hits ($1 types, $2 ids), for the hits that are shown only: the body is read from its
-- entity, cut before it is parsed, and the signs that mark matches are taken out of it. $3: what to mark; $4: the model whose
-- vectors are stale where the document has changed since.
SELECT hit.place, body.user_id, d.parent_id, d.title, d.context, d.language, d.happened_at,
       pg_catalog.ts_headline(
           'public.devora_french'::pg_catalog.regconfig,
           pg_catalog.translate(pg_catalog.left(body.text, 20000), E'\x02\x03', ''), $3::pg_catalog.tsquery,
           E'StartSel="\x02", StopSel="\x03", MaxWords=32, MinWords=14, ShortWord=0') AS snippet,
       EXISTS (SELECT FROM public.embeddings e
                WHERE e.user_id = body.user_id AND e.entity_type = hit.entity_type AND e.entity_id = hit.entity_id
                  AND e.model_name = $4::text AND e.content_hash IS DISTINCT FROM d.content_hash) AS stale
  FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS hit(entity_type, entity_id, place)
 CROSS JOIN LATERAL (
       SELECT p.user_id, p.description AS text FROM public.projects p
        WHERE hit.entity_type = 'project' AND p.id = hit.entity_id
       UNION ALL
       SELECT c.user_id, (SELECT m.content FROM public.messages m WHERE m.conversation_id = c.id
                           ORDER BY m.timestamp, m.ordinal, m.id LIMIT 1)
         FROM public.conversations c WHERE hit.entity_type = 'conversation' AND c.id = hit.entity_id
       UNION ALL
       SELECT c.user_id, m.content FROM public.messages m JOIN public.conversations c ON c.id = m.conversation_id
        WHERE hit.entity_type = 'message' AND m.id = hit.entity_id
       UNION ALL
       SELECT p.user_id, f.content FROM public.project_files f JOIN public.projects p ON p.id = f.project_id
        WHERE hit.entity_type = 'file' AND f.id = hit.entity_id
     ) AS body
  JOIN public.search_documents d
    ON d.user_id = body.user_id AND d.entity_type = hit.entity_type AND d.entity_id = hit.entity_id
 ORDER BY hit.place
