"""What the search documents should be, worked out from the tables without the schema's own views and triggers."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# A renamed file keeps its words where they were, and a vector has a limit of positions: only weights are compared.
_DIFFERING = """
WITH live AS (
    SELECT id, user_id, name::text AS name, description, created_at,
           setweight(devora_vector(name), 'C') AS around FROM projects WHERE deleted_at IS NULL
), talk AS (
    SELECT c.id, c.user_id, c.title::text AS title, c.created_at, p.id AS project, p.name AS name,
           setweight(devora_vector(c.title), 'C') AS around, coalesce(p.around, '') AS beyond
      FROM conversations c LEFT JOIN live p ON p.id = c.project_id WHERE c.deleted_at IS NULL
), wanted AS (
    SELECT user_id, 'project' AS entity_type, id AS entity_id, NULL::uuid AS parent_id, name AS title, '' AS context,
           NULL AS language, created_at AS happened_at, description AS body,
           (SELECT search_vector FROM projects b WHERE b.id = live.id) AS vector FROM live
    UNION ALL
    SELECT user_id, 'conversation', id, project, title, coalesce(name, ''), NULL, created_at, NULL,
           setweight(devora_vector(title), 'A') || beyond FROM talk
    UNION ALL
    SELECT t.user_id, 'message', m.id, t.id, '', concat_ws(' · ', nullif(t.title, ''), t.name), NULL, m.timestamp,
           m.content, t.around || t.beyond || devora_vector(m.content)
      FROM messages m JOIN talk t ON t.id = m.conversation_id
    UNION ALL
    SELECT p.user_id, 'file', f.id, p.id, f.name, p.name, f.language, f.created_at, f.content,
           setweight(devora_vector(f.name), 'A') || p.around || devora_vector(f.content)
      FROM project_files f JOIN live p ON p.id = f.project_id WHERE f.is_current
), made AS (
    SELECT user_id, entity_type, entity_id, parent_id, title, context, language, happened_at,
           (SELECT string_agg(lexeme || ARRAY(SELECT DISTINCT w FROM unnest(weights) w ORDER BY w)::text, ' '
                              ORDER BY lexeme COLLATE "C") FROM unnest(vector)) AS words,
           left(encode(sha256(convert_to(context || chr(31) || title || chr(31) || coalesce(body, ''), 'UTF8')),
                       'hex'), 32) AS content_hash
      FROM wanted
), found AS (
    SELECT user_id, entity_type, entity_id, parent_id, title, context, language, happened_at,
           (SELECT string_agg(lexeme || ARRAY(SELECT DISTINCT w FROM unnest(weights) w ORDER BY w)::text, ' '
                              ORDER BY lexeme COLLATE "C") FROM unnest(search_vector)),
           content_hash
      FROM search_documents
)
(SELECT 'missing' AS what, x.* FROM (TABLE made EXCEPT ALL TABLE found) x)
UNION ALL
(SELECT 'wrong', x.* FROM (TABLE found EXCEPT ALL TABLE made) x)
ORDER BY 3, 4, 1
"""


async def differing(connection: Connection) -> list[tuple[object, ...]]:
    """Documents that are missing, or there and not as they should be."""
    return [tuple(row) for row in await connection.fetch(_DIFFERING)]


async def assert_documents(connection: Connection) -> None:
    """Every document is there, as it should be, and no other."""
    assert await differing(connection) == []
