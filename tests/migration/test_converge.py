"""A completed target whose source has moved on: run again, it is what a fresh migration would have made."""

# ruff: noqa: S608 - the names and ids in these statements are our own

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.migration.job import Job
from devora_console.migration.progress import Kind, MigrationSnapshot
from tests.migration.conftest import Another
from tests.migration.world import (
    World,
    assert_verified,
    content,
    conversation,
    differing,
    do,
    dry_run,
    execute,
    fetch,
    held,
    invoice,
    message,
    oid,
    outcome,
    project,
    settings,
    uid,
    user,
    verify,
    versions,
)


async def _converges(
    target: Dsn, another: Another, folder: Path, world: World, change: Callable[[World], None]
) -> MigrationSnapshot:
    """Migrate, change the source, run again with pruning: the same rows and quarantine as on an empty target."""
    await execute(target, world.write(folder))
    change(world)
    world.write(folder)
    said = await dry_run(target, folder, prune=True)
    done = await execute(target, folder, prune=True, batch_bytes=700)
    assert outcome(done) == outcome(said)
    fresh = await another()
    first = await execute(fresh, folder)
    assert outcome(first) == outcome(done)
    assert await content(target) == await content(fresh)
    assert await held(target) == await held(fresh)
    await assert_verified(target, folder)
    before = await versions(target)
    await execute(target, folder)
    assert await versions(target) == before
    return done


def _edit(world: World) -> None:
    world.get("users", 1)["full_name"] = "Autre"
    world.get("projects", 0)["files"].insert(0, {"name": "new", "content": None})
    world.get("projects", 1)["files"].pop()
    messages = world.get("conversations", 0)["messages"]
    messages[0], messages[1] = messages[1], messages[0]
    messages.append(message(0, 9))
    world.collections["users"].append(user(9))
    world.collections["projects"].append(project(9, 9))
    world.collections["conversations"].append(conversation(9))


def _delete(world: World) -> None:
    """A project, its conversation stays; a conversation, its project stays; an archived document."""
    del world.collections["projects"][3]
    del world.collections["conversations"][2]
    del world.collections["templates"][1]
    world.get("templates", 0)["stars"] = 5


def _new_project_key(world: World) -> None:
    world.get("projects", 2)["id"] = uid("another id")


def _swap_emails(world: World) -> None:
    one, other = world.get("users", 0), world.get("users", 3)
    one["email"], other["email"] = other["email"], one["email"]


def _rotate_emails(world: World) -> None:
    emails = [world.get("users", n)["email"] for n in range(4)]
    for n in range(4):
        world.get("users", n)["email"] = emails[(n + 1) % 4].upper()


def _swap_keys(world: World) -> None:
    """Two users exchange their ids: every project and invoice now belongs to the other, none has changed."""
    one, other = world.get("users", 0), world.get("users", 1)
    one["id"], other["id"] = other["id"], one["id"]
    first, second = world.get("conversations", 0), world.get("conversations", 1)
    first["id"], second["id"] = second["id"], first["id"]


def _shift_keys(world: World) -> None:
    """The first takes a new id, the second takes the first's."""
    world.get("users", 1)["id"], world.get("users", 0)["id"] = world.get("users", 0)["id"], uid("new")


def _reinsert(world: World) -> None:
    """Deleted and put back under a new ``_id``, as a restore by the application would."""
    for collection in ("users", "projects", "conversations", "invoices"):
        world.collections[collection][1] = world.get(collection, 1) | {"_id": oid(7777)}


def _user_gone(world: World) -> None:
    del world.collections["users"][2]


def _successor(world: World) -> None:
    """A user is gone, another one of the same id takes over; what hangs on the id has not changed."""
    world.collections["users"][2] = user(8, id=uid("user 2"))


def _user_damaged(world: World) -> None:
    world.get("users", 2)["email"] = None


def _message_moves(world: World) -> None:
    """A message is now in another conversation, before or after its old one."""
    first, last = world.get("conversations", 0), world.get("conversations", 3)
    first["messages"].append(last["messages"].pop())
    last["messages"].append(first["messages"].pop(0))


def _message_twice(world: World) -> None:
    world.get("conversations", 0)["messages"].append(message(3, 1))
    world.get("conversations", 3)["messages"].append(message(0, 0))


def _collection_gone(world: World) -> None:
    del world.collections["invoices"]
    del world.collections["templates"]


def _second_project(world: World) -> None:
    """A conversation of two projects: of one owner, and of two."""
    world.collections["projects"] += [
        project(11, 0, conversation_id=uid("conversation 0")),
        project(12, 0, conversation_id=uid("conversation 1")),
    ]


# Of the kinds of the others, or among the steps of the walks below.
_FURTHER = (
    *(_new_project_key, _rotate_emails, _shift_keys, _user_gone, _user_damaged, _message_twice, _collection_gone),
)


@pytest.mark.parametrize(
    "change",
    [
        *(_edit, _delete, _swap_emails, _swap_keys, _reinsert, _successor, _message_moves, _second_project),
        *(pytest.param(each, marks=pytest.mark.slow) for each in _FURTHER),
    ],
    ids=lambda change: change.__name__.strip("_"),
)
async def test_it_converges(change: Callable[[World], None], target: Dsn, another: Another, folder: Path) -> None:
    await _converges(target, another, folder, World.of(), change)


async def test_it_goes_back_again(target: Dsn, another: Another, folder: Path) -> None:
    """What was refused comes home when it is mended, with all that fell with it."""
    world = World.of()
    _user_damaged(world)
    _second_project(world)
    _swap_keys(world)

    def mend(changed: World) -> None:
        changed.collections = World.of().collections

    done = await _converges(target, another, folder, world, mend)
    assert done.quarantine_rules == {}


async def test_contenders_take_turns(target: Dsn, another: Another, folder: Path) -> None:
    world = World.of()
    world.collections["users"] += [user(5, email="USER0@example.org"), user(6, email="User0@Example.org")]
    world.collections["projects"] += [project(5, 5), project(6, 6)]

    def resolve(changed: World) -> None:
        changed.get("users", 0)["email"] = "free@example.org"

    done = await _converges(target, another, folder, world, resolve)
    assert (done.quarantine_rules) == {"unique_contender": 1, "parent_quarantined": 1}
    assert ("users", str(oid(6))) in await held(target)


async def test_vanished_documents_are_listed_and_pruned(target: Dsn, folder: Path) -> None:
    world = World.of()
    await execute(target, world.write(folder))
    gone = world.get("invoices", 1)
    del world.collections["invoices"][1]
    del world.collections["templates"][0]
    world.write(folder)
    said, done = await dry_run(target, folder), await execute(target, folder)
    assert said.extra == done.extra == {"invoices": 1, "templates": 1}
    assert done.pruned == 0
    found = differing(await verify(target, folder))
    assert found == {("invoices", gone["id"], "extra", None), ("archive: templates", str(oid(4000)), "extra", None)}
    pruned = await execute(target, folder, prune=True)
    assert pruned.pruned == 2
    assert pruned.extra == {}
    await assert_verified(target, folder)


async def test_a_vanished_row_holds_its_key_until_it_is_pruned(target: Dsn, folder: Path) -> None:
    """The account was closed and opened again: a row that may not be removed still has the address."""
    world = World.of()
    await execute(target, world.write(folder))
    world.collections["users"][1] = user(8, email="user1@example.org")
    world.write(folder)
    said, done = await dry_run(target, folder), await execute(target, folder)
    assert outcome(said) == outcome(done)
    assert (await held(target))[("users", str(oid(8)))] == "unique_contender"
    assert "until it is pruned" in next(each.message for each in done.quarantine if each.source_id == str(oid(8)))
    said, done = await dry_run(target, folder, prune=True), await execute(target, folder, prune=True)
    assert outcome(said) == outcome(done)
    assert ("users", str(oid(8))) not in await held(target)
    await assert_verified(target, folder)


async def test_a_row_of_others_is_never_overwritten(target: Dsn, folder: Path) -> None:
    await do(
        target,
        f"INSERT INTO users (id, email, hashed_password) VALUES ('{uid('other')}', 'USER1@example.org', 'x')",
        f"INSERT INTO conversations (id, user_id, title) VALUES ('{uid('theirs')}', '{uid('other')}', 't')",
        f"INSERT INTO messages (id, conversation_id, role, content) VALUES"
        f" ('{uid('message 0/0')}', '{uid('theirs')}', 'user', 'x')",
    )
    before = await fetch(target, f"SELECT m::text FROM messages m WHERE id = '{uid('message 0/0')}'")
    World.of().write(folder)
    said, done = await dry_run(target, folder), await execute(target, folder)
    assert outcome(said) == outcome(done)
    assert (await held(target))[("users", str(oid(1)))] == "unique_contender"
    assert await fetch(target, f"SELECT m::text FROM messages m WHERE id = '{uid('message 0/0')}'") == before
    rows = await fetch(
        target,
        f"SELECT source_extra->>'$key' FROM messages WHERE conversation_id = '{uid('conversation 0')}' AND ordinal = 0",
    )
    assert rows[0][0] == uid("message 0/0")


async def test_rows_that_others_changed_are_put_right(target: Dsn, folder: Path) -> None:
    """The books say that nothing has changed, the rows say otherwise: the rows are believed."""
    await execute(target, World.of().write(folder))
    want = await content(target)
    await do(
        target,
        f"DELETE FROM users WHERE id = '{uid('user 1')}'",
        "UPDATE messages SET content = 'x' WHERE ordinal = 1",
        "DELETE FROM project_files WHERE ordinal = 0",
        "UPDATE invoices SET amount = 1",
    )
    await execute(target, folder)
    assert await content(target) == want
    await assert_verified(target, folder)


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 13))])
async def test_any_walk_converges(seed: int, target: Dsn, another: Another, folder: Path) -> None:
    """A source that changes at random, run by run, pruned or not; in the end the target is as if it were fresh."""
    chance = random.Random(seed)  # noqa: S311 - a walk, not a secret
    world = World.of(6)
    for _ in range(4):
        for _ in range(chance.randrange(1, 6)):
            _mutate(world, chance)
        world.write(folder)
        prune = chance.random() < 0.5
        said = await dry_run(target, folder, prune=prune)
        done = await execute(target, folder, prune=prune, batch_bytes=chance.choice((1, 900, 5000, 10**6)))
        assert outcome(done) == outcome(said)
    await execute(target, folder, prune=True)
    done = await execute(target, folder, prune=True)
    fresh = await another()
    assert outcome(await execute(fresh, folder)) == outcome(done)
    assert await content(target) == await content(fresh)
    assert await held(target) == await held(fresh)
    await assert_verified(target, folder)


def _mutate(world: World, chance: random.Random) -> None:  # noqa: PLR0912 - a table of cases
    collection = chance.choice(("users", "projects", "conversations", "invoices"))
    documents = world.collections[collection]
    if not documents or chance.random() < 0.15:
        number = chance.randrange(100, 10**6)
        owner = chance.randrange(6)
        made = {
            "users": lambda: user(number, email=f"user{owner}@example.org" if chance.random() < 0.5 else f"{number}@x"),
            "projects": lambda: project(number, owner, conversation_id=uid(f"conversation {chance.randrange(6)}")),
            "conversations": lambda: conversation(number),
            "invoices": lambda: invoice(number, owner, stripe_invoice_id=f"in_{chance.randrange(6)}"),
        }[collection]()
        documents.insert(chance.randrange(len(documents) + 1), made)
        return
    at = chance.randrange(len(documents))
    found, other = world.get(collection, at), world.get(collection, chance.randrange(len(documents)))
    match chance.randrange(7):
        case 0:
            del documents[at]
        case 1:
            found["id"], other["id"] = other["id"], found["id"]
        case 2:
            found["id"] = chance.choice((uid(str(chance.random())), other["id"], "no uuid"))
        case 3:
            found["_id"] = oid(chance.randrange(10**7, 10**8))
        case 4:
            found["created_at"] = other["created_at"]
            for field in ("email", "stripe_invoice_id", "user_id", "conversation_id"):
                if field in found:
                    found[field] = other[field]
        case 5:
            for field in ("email", "stripe_invoice_id", "messages", "files"):
                if field in found:
                    found[field], other[field] = other[field], found[field]
        case 6:
            for field in ("name", "title", "status", "full_name"):
                if field in found:
                    found[field] = chance.choice((None, "x", "paid", "\x00"))


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 9))])
async def test_any_walk_survives_being_cut_off(seed: int, target: Dsn, another: Another, folder: Path) -> None:
    """Every run but the last ends somewhere in the middle; the books always match the rows, nothing is lost."""
    chance = random.Random(seed)  # noqa: S311 - a walk, not a secret
    world = World.of(6)
    for _ in range(6):
        for _ in range(chance.randrange(1, 5)):
            _mutate(world, chance)
        world.write(folder)
        await _cut_off(target, folder, chance)
        assert await fetch(target, _ACCOUNTED) == []
    await execute(target, folder, prune=True)
    done = await execute(target, folder, prune=True)
    fresh = await another()
    assert outcome(await execute(fresh, folder)) == outcome(done)
    assert await content(target) == await content(fresh)
    await assert_verified(target, folder)


# Rows without an account would be taken for somebody else's by the next run.
_ACCOUNTED = """
SELECT t.name, t.pk FROM (SELECT 'users' AS name, id::text AS pk FROM users UNION ALL SELECT 'projects', id::text
  FROM projects UNION ALL SELECT 'conversations', id::text FROM conversations UNION ALL SELECT 'invoices', id::text
  FROM invoices) AS t
 WHERE NOT EXISTS (SELECT 1 FROM devora_console.document d
                    WHERE d.target_table = t.name AND d.pk = t.pk AND d.fate = 'migrated')
"""


async def _cut_off(target: Dsn, folder: Path, chance: random.Random) -> None:
    """An execution that is stopped at some transaction, by a lease that is gone."""
    at = chance.randrange(1, 30)
    await do(
        target,
        "CREATE OR REPLACE FUNCTION public.cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('public.cuts') >= {at} AND NEW.epoch = OLD.epoch THEN"
        " PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$",
        "CREATE SEQUENCE public.cuts",
        "CREATE TRIGGER cut BEFORE UPDATE ON devora_console.lease FOR EACH ROW EXECUTE FUNCTION public.cut()",
    )
    job = Job(Kind.EXECUTE, settings(target, folder, batch_bytes=700, prune=chance.random() < 0.5))
    with contextlib.suppress(ConsoleError):
        await job.run()
    problem = job.snapshot.problem
    assert problem is None or problem.code == "postgres_lost"
    await do(target, "DROP FUNCTION public.cut() CASCADE", "DROP SEQUENCE public.cuts")
