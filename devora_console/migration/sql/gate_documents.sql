-- What: for each kind of entity how many should have a search document and have none, and how many documents there are
--       of entities that should have none.
-- Serves: 14 and later, from version 15 of the schema on. Cost: reads the keys of all entities and documents, about
--         two seconds for a million. Grants: owner of devora_console.
WITH wanted AS (
    SELECT user_id, entity_type, entity_id FROM devora_console.project_documents
    UNION ALL
    SELECT user_id, entity_type, entity_id FROM devora_console.conversation_documents
    UNION ALL
    SELECT user_id, entity_type, entity_id FROM devora_console.message_documents
    UNION ALL
    SELECT user_id, entity_type, entity_id FROM devora_console.file_documents
)
SELECT entity_type AS kind,
       count(*) FILTER (WHERE d.content_hash IS NULL) AS missing,
       count(*) FILTER (WHERE w.there IS NULL) AS beyond
  FROM (SELECT *, true AS there FROM wanted) w
  FULL JOIN public.search_documents d USING (user_id, entity_type, entity_id)
 GROUP BY entity_type
 ORDER BY entity_type
