"""What guards the data, and whether the schema is what was applied: condition, verdict, what is said."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.console import Verdict
from devora_console.migration.setaside import bring_back, set_aside, validate, waiting
from devora_console.schema import LATEST
from devora_console.schema.gates import constraints_gate, drift_gate
from tests.gates.conftest import Place, cases, do, dsn_of, measured, scene_of

_FK = "invoices_user_id_fkey"
_AGAIN = f"ALTER TABLE invoices ADD CONSTRAINT {_FK} FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE"
_ASIDE = (
    "INSERT INTO devora_console.set_aside (kind, table_name, name, definition, afterwards, tablespace, valid, keys,"
    " columns) VALUES ('index', 'users', 'idx_users_email', 'x', '{}', '', true, '{}', '{email}')"
)

CONSTRAINTS = {
    "as it was left": ((), Verdict.OK, "every one is there"),
    "a foreign key that was not validated": (
        (f"ALTER TABLE invoices DROP CONSTRAINT {_FK}", f"{_AGAIN} NOT VALID"),
        Verdict.FAIL,
        f"1 do not hold: constraint {_FK} of invoices is not validated",
    ),
    "a foreign key that was brought back whole": (
        (f"ALTER TABLE invoices DROP CONSTRAINT {_FK}", _AGAIN),
        Verdict.OK,
        "",
    ),
    "a foreign key that is gone": (
        (f"ALTER TABLE invoices DROP CONSTRAINT {_FK}",),
        Verdict.FAIL,
        f"constraint public.invoices.{_FK} is missing",
    ),
    "a check that is gone": (
        ("ALTER TABLE invoices DROP CONSTRAINT chk_amount_positive",),
        Verdict.FAIL,
        "chk_amount_positive is missing",
    ),
    "a unique key that is gone": (
        ("ALTER TABLE invoices DROP CONSTRAINT invoices_stripe_invoice_id_key",),
        Verdict.FAIL,
        "constraint public.invoices.invoices_stripe_invoice_id_key is missing",
    ),
    "an index that is gone": (("DROP INDEX idx_users_email",), Verdict.FAIL, "idx_users_email is missing"),
    "an index that is not valid": (
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_users_email'::regclass",),
        Verdict.FAIL,
        "1 do not hold: index idx_users_email of users is not valid",
    ),
    "an index set aside in the middle of a load": (
        ("DROP INDEX idx_users_email", _ASIDE),
        Verdict.FAIL,
        "1 do not hold: index idx_users_email is set aside",
    ),
    "a trigger that is switched off": (
        ("ALTER TABLE messages DISABLE TRIGGER update_messages_search",),
        Verdict.FAIL,
        "trigger update_messages_search of messages is disabled",
    ),
    "the triggers of foreign keys switched off": (
        ("ALTER TABLE invoices DISABLE TRIGGER ALL",),
        Verdict.FAIL,
        "RI_ConstraintTrigger",
    ),
    "a trigger that fires on replicas only": (
        ("ALTER TABLE messages ENABLE REPLICA TRIGGER update_messages_search",),
        Verdict.FAIL,
        "fires on replicas only",
    ),
    "a column that may be empty now": (
        ("ALTER TABLE messages ALTER COLUMN role DROP NOT NULL",),
        Verdict.FAIL,
        "column public.messages.role may be NULL",
    ),
    "a table that is gone": (("DROP TABLE system_config",), Verdict.FAIL, "table public.system_config is missing"),
    "a constraint too many": (
        ("ALTER TABLE users ADD CONSTRAINT further CHECK (true)",),
        Verdict.OK,
        "every one is there",
    ),
    "one too many that was not validated": (
        ("ALTER TABLE users ADD CONSTRAINT further CHECK (email <> 'x') NOT VALID",),
        Verdict.FAIL,
        "constraint further of users is not validated",
    ),
}


@pytest.mark.parametrize(
    "case",
    cases(
        CONSTRAINTS,
        "as it was left",
        "a foreign key that was not validated",
        "an index that is gone",
        "an index that is not valid",
        "an index set aside in the middle of a load",
        "the triggers of foreign keys switched off",
    ),
)
async def test_constraints_hold(place: Place, case: str) -> None:
    statements, verdict, words = CONSTRAINTS[case]
    scene = await place()
    await do(scene, *statements)
    found = await measured(constraints_gate(scene.target))
    assert (found.verdict, words in found.value) == (verdict, True), found
    assert bool(found.remedy) is (verdict is Verdict.FAIL)


async def test_what_a_load_has_set_aside_is_named_until_it_is_back(place: Place) -> None:
    scene = await place()
    gate = constraints_gate(scene.target)
    connection = await asyncpg.connect(dsn_of(scene).reveal())
    try:
        await set_aside(connection, ["invoices"])
        things = await waiting(connection)
        found = await measured(gate)
        assert (found.verdict, "migrate --execute" in found.remedy) == (Verdict.FAIL, True)
        assert found.value.startswith(f"{len(things)} do not hold: "), found.value  # each is said once
        for thing in things:
            await bring_back(connection, thing)
            if thing.kind == "foreign_key":
                await validate(connection, thing)
        assert (await measured(gate)).verdict is Verdict.OK
    finally:
        await connection.close()


DRIFT = {
    "as it was applied": ((), Verdict.OK, "no drift"),
    "a column more": (("ALTER TABLE users ADD COLUMN nick text",), Verdict.FAIL, "column public.users.nick"),
    "an older version": (
        ("DELETE FROM devora_console.schema_version WHERE name = 'untyped_vectors'",),
        Verdict.FAIL,
        f"{LATEST - 1} of {LATEST} versions applied",
    ),
    "a version that was changed": (
        ("UPDATE devora_console.schema_version SET checksum = repeat('0', 64) WHERE version = 3",),
        Verdict.FAIL,
        "was changed after it was applied",
    ),
    "one of a newer console": (
        (
            "INSERT INTO devora_console.schema_version SELECT 99, 'later', checksum, now(), applied_by,"
            " server_version_num, NULL FROM devora_console.schema_version WHERE version = 1",
        ),
        Verdict.FAIL,
        "version 99",
    ),
    "a catalogue that was not recorded": (
        ("UPDATE devora_console.schema_version SET catalog = NULL",),
        Verdict.UNKNOWN,
        "no catalogue was recorded",
    ),
}


@pytest.mark.parametrize("case", cases(DRIFT, "as it was applied", "a column more", "an older version"))
async def test_the_schema_is_as_applied(place: Place, case: str) -> None:
    statements, verdict, words = DRIFT[case]
    scene = await place()
    await do(scene, *statements)
    found = await measured(drift_gate(scene.target))
    assert (found.verdict, words in found.value) == (verdict, True), found


async def test_without_a_schema_neither_is_known(empty_database: Dsn, tmp_path: Path) -> None:
    scene = scene_of(empty_database, None, tmp_path)
    for gate in (constraints_gate(scene.target), drift_gate(scene.target)):
        found = await measured(gate)
        assert found.verdict is Verdict.UNKNOWN
        assert "schema apply" in found.remedy
