"""The triggers that keep the search documents: after every kind of write they are what the tables say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.documents import assert_documents, differing
from tests.schema.conftest import Database, MakePerson

# One statement each; ids are of the world below.
WRITES = {
    "a message more": "INSERT INTO messages (conversation_id, role, content) VALUES ('{talk}', 'user', 'Où est-ce ?')",
    "messages of two conversations at once": "INSERT INTO messages (conversation_id, role, content)"
    " SELECT c.id, 'user', 'n° ' || n FROM conversations c, generate_series(1, 5) n",
    "another text": "UPDATE messages SET content = 'tout autre chose' WHERE conversation_id = '{talk}'",
    "a text with the same words": "UPDATE messages SET content = content || ' !'",
    "tokens only": "UPDATE messages SET tokens_used = 3",
    "a message to another conversation": "UPDATE messages SET conversation_id = '{other_talk}'"
    " WHERE conversation_id = '{talk}'",
    "a message to another user": "UPDATE messages SET conversation_id = '{bob_talk}' WHERE conversation_id = '{talk}'",
    "messages gone": "DELETE FROM messages WHERE conversation_id = '{talk}'",
    "a conversation renamed": "UPDATE conversations SET title = 'Élagage des chênes' WHERE id = '{talk}'",
    "a conversation deleted": "UPDATE conversations SET deleted_at = now() WHERE id = '{talk}'",
    "a conversation back": "UPDATE conversations SET deleted_at = NULL",
    "a conversation to another user": "UPDATE conversations SET user_id = '{bob}', project_id = NULL"
    " WHERE id = '{talk}'",
    "a conversation without its project": "UPDATE conversations SET project_id = NULL",
    "a conversation gone": "DELETE FROM conversations WHERE id = '{talk}'",
    "a project renamed": "UPDATE projects SET name = 'Réécriture en Rust' WHERE id = '{project}'",
    "a project described": "UPDATE projects SET description = 'avec des ailes'",
    "a project deleted": "UPDATE projects SET deleted_at = now() WHERE id = '{project}'",
    "a project back": "UPDATE projects SET deleted_at = NULL",
    "a project to another user": "UPDATE projects SET user_id = '{bob}' WHERE id = '{project}'",
    "a project gone": "DELETE FROM projects WHERE id = '{project}'",
    "a file renamed": "UPDATE project_files SET name = 'lib/nouveau_nom.py' WHERE project_id = '{project}'",
    "a file rewritten": "UPDATE project_files SET content = 'def chercher(): pass'",
    "a file outdated": "UPDATE project_files SET is_current = false WHERE project_id = '{project}'",
    "a file current again": "UPDATE project_files SET is_current = true",
    "a file to another user's project": "UPDATE project_files SET project_id = '{bob_project}'",
    "files gone": "DELETE FROM project_files",
    "a message written twice": "INSERT INTO messages (id, conversation_id, role, content)"
    " SELECT id, conversation_id, role, 'encore' FROM messages ON CONFLICT (id)"
    " DO UPDATE SET content = excluded.content",
    "a user gone": "DELETE FROM users WHERE id = '{ana}'",
    "messages emptied": "TRUNCATE messages",
    "all emptied": "TRUNCATE users CASCADE",
}


async def _world(database: Database, person: MakePerson) -> dict[str, Any]:
    """Two users; the first with two conversations, one in a project with files, one deleted."""
    owner = await database.as_owner()
    ana, bob = await person(owner, "ana"), await person(owner, "bob")
    names: dict[str, Any] = {"ana": ana.user, "bob": bob.user}
    names["project"] = await owner.fetchval("SELECT id FROM projects WHERE user_id = $1", ana.user)
    names["bob_project"] = await owner.fetchval("SELECT id FROM projects WHERE user_id = $1", bob.user)
    names["talk"] = await owner.fetchval("SELECT id FROM conversations WHERE user_id = $1", ana.user)
    names["bob_talk"] = await owner.fetchval("SELECT id FROM conversations WHERE user_id = $1", bob.user)
    names["other_talk"] = await owner.fetchval(
        "INSERT INTO conversations (user_id, title, deleted_at) VALUES ($1, 'Supprimée', now()) RETURNING id", ana.user
    )
    await owner.execute("UPDATE conversations SET project_id = $1 WHERE id = $2", names["project"], names["talk"])
    await owner.execute(
        "INSERT INTO project_files (project_id, name, content, language)"
        " SELECT id, 'src/' || name || '.py', repeat('bonjour ' || name || ' ', 300), 'python' FROM projects"
    )
    await owner.execute(
        "INSERT INTO messages (conversation_id, role, content) VALUES ($1, 'user', 'dans une conversation supprimée')",
        names["other_talk"],
    )
    return names


async def test_every_write_is_followed(applied: Database, person: MakePerson) -> None:
    names = await _world(applied, person)
    owner = await applied.as_owner()
    await assert_documents(owner)
    assert await owner.fetchval("SELECT count(*) FROM search_documents") >= 8
    for what, statement in WRITES.items():
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(statement.format(**names))
        assert (what, await differing(owner)) == (what, [])
        # And on from there: what was deleted comes back, what moved goes home.
        await owner.execute("UPDATE projects SET deleted_at = NULL; UPDATE conversations SET deleted_at = NULL")
        await owner.execute("UPDATE project_files SET is_current = true, name = 'a/' || name")
        assert (what, await differing(owner)) == (what, [])
        await transaction.rollback()


@pytest.mark.parametrize("name", ["a conversation renamed", "a conversation to another user", "a project renamed"])
async def test_what_arrives_while_its_parent_changes_waits_and_follows(
    name: str, applied: Database, person: MakePerson
) -> None:
    names = await _world(applied, person)
    owner, writer = await applied.as_owner(), await applied.as_owner()
    if "project" in name:
        arrives = "INSERT INTO project_files (project_id, name, content) VALUES ('{project}', 'neuf.py', 'pass')"
    else:
        arrives = "INSERT INTO messages (conversation_id, role, content) VALUES ('{talk}', 'user', 'Où est-ce ?')"
    async with owner.transaction():
        await owner.execute(WRITES[name].format(**names))
        writing = asyncio.create_task(writer.execute(arrives.format(**names)))
        while not await owner.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)", writer.get_server_pid()
        ):
            assert not writing.done(), "it did not wait"
            await asyncio.sleep(0.01)
    await writing
    await assert_documents(owner)


async def test_the_application_writes_them_without_a_right_to(applied: Database, person: MakePerson) -> None:
    names = await _world(applied, person)
    application = await applied.connect("app_user")
    await application.execute("SELECT set_config('app.user_id', $1, false)", str(names["ana"]))
    for what in ("a message more", "a conversation renamed", "a project renamed", "a file rewritten", "messages gone"):
        await application.execute(WRITES[what].format(**names))
    await assert_documents(await applied.as_owner())
    assert await application.fetchval("SELECT count(DISTINCT user_id) FROM search_documents") == 1
    with pytest.raises(Exception, match="permission denied"):
        await application.execute("DELETE FROM search_documents")


async def test_a_refresh_mends_whatever_is_wrong(applied: Database, person: MakePerson) -> None:
    names = await _world(applied, person)
    owner = await applied.as_owner()
    assert {tuple(row)[1:] for row in await owner.fetch("SELECT * FROM devora_refresh_documents()")} == {(0, 0)}
    await owner.execute("ALTER TABLE messages DISABLE TRIGGER USER")
    await owner.execute("ALTER TABLE project_files DISABLE TRIGGER USER")
    for what in ("another text", "files gone"):
        await owner.execute(WRITES[what].format(**names))
    await owner.execute("UPDATE search_documents SET title = 'x' WHERE entity_type = 'project'")
    await owner.execute("DELETE FROM search_documents WHERE entity_type = 'conversation'")
    # Without its trigger a message keeps the vector of its old text.
    await owner.execute("ALTER TABLE messages ENABLE TRIGGER USER; UPDATE messages SET content = content")
    assert await differing(owner) != []
    rows = {
        row["entity_type"]: (row["written"], row["removed"])
        for row in await owner.fetch("SELECT * FROM devora_refresh_documents()")
    }
    assert rows["file"][1] > 0
    assert rows["conversation"][0] > 0
    await assert_documents(owner)


async def test_who_asks_is_not_for_the_caller_to_say(applied: Database, person: MakePerson) -> None:
    names = await _world(applied, person)
    owner, application = await applied.as_owner(), await applied.connect("app_user")
    found = "SELECT count(*) FROM devora_search_fulltext(devora_query('bonjour'))"
    everything = await owner.fetchval(found)
    assert everything >= 2
    assert await application.fetchval(found) == 0
    await application.execute("SELECT set_config('app.user_id', $1, false)", str(names["ana"]))
    await owner.execute("SELECT set_config('app.user_id', $1, false)", str(names["ana"]))
    own = await application.fetchval(found)
    assert 0 < own < everything
    assert await owner.fetchval(found) == own
    with pytest.raises(Exception, match="permission denied"):
        await application.fetch("SELECT * FROM search_vocabulary")
