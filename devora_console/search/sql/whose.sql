SELECT coalesce(nullif(current_setting('app.user_id', true), '')::uuid, CASE f.entity_type
           WHEN 'project' THEN (SELECT p.user_id FROM public.projects p WHERE p.id = f.entity_id)
           WHEN 'conversation' THEN (SELECT c.user_id FROM public.conversations c WHERE c.id = f.entity_id)
           WHEN 'message' THEN (SELECT c.user_id FROM public.messages m JOIN public.conversations c
                                    ON c.id = m.conversation_id WHERE m.id = f.entity_id)
           WHEN 'file' THEN (SELECT p.user_id FROM public.project_files x JOIN public.projects p
                                 ON p.id = x.project_id WHERE x.id = f.entity_id)
       END) AS user_id OFFSET 0
