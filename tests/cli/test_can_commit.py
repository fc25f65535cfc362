"""``can-commit`` as a runbook and a person use it: before a copy, after it, without servers, as nobody."""

from __future__ import annotations

from typing import Any

import pytest

from devora_console.config.secret import Dsn
from tests.cli.conftest import Run
from tests.postgres.conftest import as_role

_DATA = {
    "migration.dry_run",
    "collections.mapped",
    "verification.fresh",
    "quarantine.empty",
    "constraints.validated",
    "schema.drift",
    "search.vectors",
    "sequences.ahead",
    "statistics.analyzed",
}


def _verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["verdict"] for each in document["clauses"]}


@pytest.mark.slow
def test_from_before_the_copy_to_ready(run: Run, target: Dsn, filled: dict[str, str]) -> None:
    here = {"POSTGRES_DSN": target.reveal(), "DEVORA_CONSOLE__MIGRATION__MAX_QUARANTINE": "100%", **filled}
    before = run("can-commit", "--json", **here)
    assert before.code == 1
    found = _verdicts(before.json())
    assert before.json()["can_commit"] is False
    assert set(found) == _DATA
    for name in ("migration.dry_run", "verification.fresh", "quarantine.empty"):
        assert found[name] == "unknown", name
    assert found["collections.mapped"] == found["schema.drift"] == found["constraints.validated"] == "ok"

    assert run("migrate", "--dry-run", **here).code == 0
    assert run("can-commit", "--only", "migration.dry_run", **here).code == 0
    assert run("migrate", "--execute", **here).code == 0
    run("verify", "--level", "digest", **here)
    after = run("can-commit", "--json", **here)
    found = _verdicts(after.json())
    for clause in after.json()["clauses"]:
        assert set(clause) >= {"id", "verdict", "value", "threshold", "why", "remedy", "age_seconds"}
        assert clause["verdict"] == "ok" or clause["remedy"], clause
    wrong = {name for name, verdict in found.items() if verdict != "ok"}
    assert wrong == {"quarantine.empty"}, [each for each in after.json()["clauses"] if each["id"] in wrong]

    said = run("can-commit", **here)
    assert said.code == 1
    assert "8 of 9 conditions are met" in said.out
    assert "quarantine waive" in said.out


@pytest.mark.slow
async def test_with_nobody_there_nothing_is_known(run: Run) -> None:
    nowhere = {"POSTGRES_DSN": "postgresql://ana:word@127.0.0.1:1/x", "MONGO_URL": "mongodb://127.0.0.1:1"}
    patience = {"DEVORA_CONSOLE__MONGO__SERVER_SELECTION_TIMEOUT_SECONDS": "0.3"}
    ended = run("can-commit", "--all", "--json", **nowhere, **patience)
    assert ended.code == 1
    assert set(_verdicts(ended.json()).values()) == {"unknown"}
    assert "word" not in ended.out.replace("password", "")


@pytest.mark.slow
def test_without_any_server_configured(run: Run) -> None:
    unset = run("can-commit", "--json")
    assert (unset.code, set(_verdicts(unset.json()).values())) == (1, {"unknown"})


@pytest.mark.slow
async def test_a_role_without_rights_is_told_so(run: Run, target: Dsn, filled: dict[str, str]) -> None:
    role = await as_role(target)
    ended = run("can-commit", "--json", POSTGRES_DSN=role.reveal(), **filled)
    clauses = {each["id"]: each for each in ended.json()["clauses"]}
    for name in ("migration.dry_run", "verification.fresh", "quarantine.empty", "schema.drift", "search.vectors"):
        assert clauses[name]["verdict"] == "unknown", clauses[name]
        assert "owner" in clauses[name]["remedy"]


@pytest.mark.slow
def test_a_condition_that_is_not_there(run: Run) -> None:
    ended = run("can-commit", "--only", "quarantine.emty", "--json")
    assert ended.code == 2
    assert "quarantine.empty" in ended.json()["problems"][0]["remedy"]
