"""Verification names every row that was tampered with, and no other."""

# ruff: noqa: S608 - the names and ids in these statements are our own

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from devora_console.config.secret import Dsn
from devora_console.migration.progress import MigrationSnapshot
from tests.migration.world import (
    DAY,
    World,
    assert_verified,
    differing,
    do,
    execute,
    fetch,
    invoice,
    message,
    oid,
    uid,
    user,
    verify,
)

_SYSTEM = {
    "_id": oid(5000),
    "id": "system_config",
    "stripe_api_key": "sk_live_secret",
    "subscription_price": 9.9,
    "free_trial_days": 7,
    "max_failed_payments": 3,
    "updated_at": "2024-05-01T10:00:00Z",
}


def _world() -> World:
    world = World.of()
    world.collections["system_config"] = [dict(_SYSTEM)]
    world.get("users", 2)["extra"] = {"nested": [1, 2.5]}
    world.get("users", 0)["email"] = "a\x00@example.org"
    world.collections["users"].append(user(7, email=None))
    return world


# One change to one column of each type: (what is done, table, key, column).
_CHANGES = {
    "varchar": ("UPDATE users SET full_name = full_name || ' ' WHERE id = '{user 1}'", "users", "user 1", "full_name"),
    "text": (
        "UPDATE messages SET content = upper(content) WHERE id = '{message 1/1}'",
        "messages",
        "message 1/1",
        "content",
    ),
    "null": (
        "UPDATE projects SET project_type = NULL WHERE id = '{project 1}'",
        "projects",
        "project 1",
        "project_type",
    ),
    "bool": ("UPDATE users SET is_admin = true WHERE id = '{user 3}'", "users", "user 3", "is_admin"),
    "numeric": (
        "UPDATE invoices SET amount = amount + 0.01 WHERE id = '{invoice 2}'",
        "invoices",
        "invoice 2",
        "amount",
    ),
    "timestamptz": (
        "UPDATE conversations SET created_at = created_at + '1 microsecond' WHERE id = '{conversation 1}'",
        "conversations",
        "conversation 1",
        "created_at",
    ),
    "jsonb": (
        "UPDATE users SET source_extra = jsonb_set(source_extra, '{{extra,nested,0}}', '{{\"$numberInt\": \"3\"}}')"
        " WHERE id = '{user 2}'",
        "users",
        "user 2",
        "source_extra",
    ),
    "uuid": ("UPDATE projects SET user_id = '{user 3}' WHERE id = '{project 1}'", "projects", "project 1", "user_id"),
    "moved": (
        "UPDATE messages SET conversation_id = '{conversation 2}' WHERE id = '{message 1/2}'",
        "messages",
        "message 1/2",
        "conversation_id",
    ),
}


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(tuple(_CHANGES), id="all at once"),
        *(pytest.param((kind,), id=kind, marks=pytest.mark.slow) for kind in _CHANGES),
    ],
)
async def test_a_changed_value(kinds: tuple[str, ...], target: Dsn, folder: Path) -> None:
    await execute(target, _world().write(folder))
    changes = [_CHANGES[kind] for kind in kinds]
    for statement, *_ in changes:
        names = [part.split("}")[0] for part in statement.replace("{{", "").split("{")[1:]]
        await do(target, "SET devora.loading = 'on'; " + statement.format(**{each: uid(each) for each in names}))
    found = await verify(target, folder)
    assert differing(found) == {(table, uid(name), "different", column) for _, table, name, column in changes}
    assert _wrong(found) == {table for _, table, *_ in changes}
    await execute(target, folder)
    await assert_verified(target, folder)


def _wrong(snapshot: MigrationSnapshot) -> set[str]:
    assert snapshot.verification is not None
    assert not snapshot.verification.ok
    return {table.name for table in snapshot.verification.tables if table.status != "ok"}


async def test_an_integer_and_a_secret(target: Dsn, folder: Path) -> None:
    await execute(target, _world().write(folder))
    await do(target, "UPDATE system_config SET free_trial_days = 8, stripe_api_key_encrypted = 'sk_live_other'")
    found = await verify(target, folder)
    assert differing(found) == {
        ("system_config", "system_config", "different", "free_trial_days"),
        ("system_config", "system_config", "different", "stripe_api_key_encrypted"),
        ("system_config", "system_config", "different", "updated_at"),
    }
    assert found.verification is not None
    assert "sk_live" not in repr(found.verification.differences)


async def test_secrets_beside_a_row_are_not_shown(target: Dsn, folder: Path) -> None:
    world = _world()
    world.get("users", 0)["hashed_password"] = "geheim\x00wort"
    await execute(target, world.write(folder))
    await do(target, f"UPDATE users SET source_extra = source_extra || '{{\"x\": 1}}' WHERE id = '{uid('user 0')}'")
    found = await verify(target, folder)
    assert found.verification is not None
    shown = repr(found.verification.differences)
    assert "geheim" not in shown
    assert "Z2VoZWlt" not in shown


async def test_rows_too_few_and_too_many(target: Dsn, folder: Path) -> None:
    await execute(target, _world().write(folder))
    await do(
        target,
        f"DELETE FROM project_files WHERE project_id = '{uid('project 0')}' AND ordinal = 1",
        f"DELETE FROM invoices WHERE id = '{uid('invoice 1')}'",
        f"INSERT INTO invoices (id, user_id, stripe_invoice_id, amount, status) VALUES"
        f" ('{uid('more')}', '{uid('user 1')}', 'in_more', 1, 'paid')",
        f"INSERT INTO messages (id, conversation_id, role, content) VALUES"
        f" ('{uid('more')}', '{uid('conversation 3')}', 'user', 'x')",
    )
    found = await verify(target, folder)
    missing = next(key for table, key, kind, _ in differing(found) if (table, kind) == ("project_files", "missing"))
    assert differing(found) == {
        ("project_files", missing, "missing", None),
        ("invoices", uid("invoice 1"), "missing", None),
        ("invoices", uid("more"), "extra", None),
        ("messages", uid("more"), "extra", None),
        ("conversations", uid("conversation 3"), "different", "last_message_at"),
    }
    counts = await verify(target, folder, level="counts")
    assert _wrong(counts) == {"project_files", "messages"}
    await do(target, f"DELETE FROM invoices WHERE id = '{uid('more')}'")
    await execute(target, folder)
    await assert_verified(target, folder)


async def test_children_in_another_order(target: Dsn, folder: Path) -> None:
    await execute(target, _world().write(folder))
    await do(
        target,
        f"UPDATE messages SET ordinal = 1 - ordinal WHERE conversation_id = '{uid('conversation 1')}' AND ordinal < 2",
    )
    found = await verify(target, folder)
    assert differing(found) == {("messages", uid(f"message 1/{place}"), "different", "ordinal") for place in (0, 1)}
    await execute(target, folder)
    await assert_verified(target, folder)


async def test_what_is_kept_beside_the_tables(target: Dsn, folder: Path) -> None:
    await execute(target, _world().write(folder))
    await do(
        target,
        f"UPDATE devora_console.archive SET raw_bson = set_byte(raw_bson, 20, 7) WHERE source_id = '{oid(4000)}'",
        f"UPDATE devora_console.archive SET document = '{{}}' WHERE source_id = '{oid(4001)}'",
        f"DELETE FROM devora_console.archive WHERE source_id = '{oid(4002)}'",
        "DELETE FROM devora_console.quarantine",
    )
    found = await verify(target, folder)
    assert differing(found) == {
        ("archive: templates", str(oid(4000)), "different", None),
        ("archive: templates", str(oid(4001)), "different", None),
        ("archive: templates", str(oid(4002)), "missing", None),
        ("quarantine: users", str(oid(7)), "missing", None),
    }
    await execute(target, folder)
    await assert_verified(target, folder)


async def test_a_mistake_of_the_conversion_is_seen_by_the_sample(
    target: Dsn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digests would agree with it; the sample shares nothing with the conversion."""
    from devora_console.migration import rules

    true = rules.moment_us

    def an_hour_late(value: object, column: rules.ColumnRules, notes: rules.Notes) -> int:
        return true(value, column, notes) + 3_600_000_000

    monkeypatch.setattr(rules, "moment_us", an_hour_late)
    await execute(target, World.of().write(folder))
    found = await verify(target, folder)
    assert differing(found) == set()
    assert found.verification is not None
    assert found.verification.sample_differences > 0
    assert not found.verification.ok


async def test_orphans_are_counted_before_and_after(target: Dsn, folder: Path) -> None:
    world = _world()
    world.get("projects", 1)["conversation_id"] = uid("nowhere")
    world.get("invoices", 0)["user_id"] = uid("nobody")
    await execute(target, world.write(folder))
    found = (await verify(target, folder)).verification
    assert found is not None
    orphans = {(each.where, each.name): each.count for each in found.orphans if each.count}
    assert orphans == {("source", "projects.conversation_id"): 1, ("source", "invoices.user_id"): 1}
    await do(
        target,
        "ALTER TABLE invoices DROP CONSTRAINT invoices_user_id_fkey",
        f"UPDATE invoices SET user_id = '{uid('nobody')}' WHERE id = '{uid('invoice 3')}'",
    )
    found = (await verify(target, folder)).verification
    assert found is not None
    assert not found.ok


async def test_the_repair_of_everything_at_once(target: Dsn, folder: Path) -> None:
    """Every row of every table changed or removed; a run puts all of it right, and touches it once."""
    world = _world()
    world.collections["invoices"] += [invoice(9, 1, amount="12.50")]
    world.get("conversations", 1)["messages"] = [
        message(1, place, timestamp=DAY + timedelta(hours=place)) for place in range(40)
    ]
    await execute(target, world.write(folder))
    rows = await fetch(target, "SELECT count(*) FROM messages")
    await do(
        target,
        "UPDATE messages SET content = md5(content), ordinal = ordinal + 1",
        "DELETE FROM projects WHERE name < 'Projet 2'",
        "UPDATE users SET email = md5(email)",
        "DELETE FROM devora_console.archive",
    )
    await execute(target, folder)
    await assert_verified(target, folder)
    assert await fetch(target, "SELECT count(*) FROM messages") == rows
