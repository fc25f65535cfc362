-- The documents of an entity ($1 its type, $2 its id) and of what hangs on it: a project's files, a conversation's
-- messages.
SELECT p.user_id, 'project' AS entity_type, p.id AS entity_id FROM public.projects p WHERE $1 = 'project' AND p.id = $2
UNION ALL
SELECT p.user_id, 'file', f.id FROM public.project_files f JOIN public.projects p ON p.id = f.project_id
 WHERE ($1 = 'project' AND p.id = $2 AND f.is_current) OR ($1 = 'file' AND f.id = $2)
UNION ALL
SELECT c.user_id, 'conversation', c.id FROM public.conversations c WHERE $1 = 'conversation' AND c.id = $2
UNION ALL
SELECT c.user_id, 'message', m.id FROM public.messages m JOIN public.conversations c ON c.id = m.conversation_id
 WHERE ($1 = 'conversation' AND c.id = $2) OR ($1 = 'message' AND m.id = $2)
