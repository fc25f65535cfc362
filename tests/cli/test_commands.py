"""Each command once over real servers, as text and as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from devora_console.config.secret import Dsn
from tests.cli.conftest import Run


def test_schema_from_nothing_and_back(run: Run, empty_database: Dsn) -> None:
    environment = {"POSTGRES_DSN": empty_database.reveal()}
    applied = run("schema", "apply", "--json", **environment).json()
    assert applied["versions"][0] == 1
    assert run("schema", "apply", "--json", **environment).json()["applied"] == []
    status = run("schema", "status", "--json", **environment).json()
    assert status["counts"]["tables"]["found"] == 13
    assert run("schema", "check", "--json", **environment).json()["drift"] == []
    assert "\\dt" in run("schema", "status", **environment).out
    assert run("schema", "rollback", **environment).code == 4
    name = empty_database.reveal().split("?")[0].rsplit("/", 1)[1]
    assert run("schema", "rollback", "--yes-i-typed", name, **environment).code == 0
    assert run("schema", "status", **environment).code == 1


def test_dry_run_execute_verify_quarantine(run: Run, target: Dsn, filled: dict[str, str], tmp_path: Path) -> None:
    environment = {"POSTGRES_DSN": target.reveal(), **filled}
    dry = run("migrate", "--dry-run", "--json", **environment).json()
    assert run("verify", **environment).code == 1
    real = run("migrate", "--execute", "--json", **environment).json()
    assert real["state"] == "done"
    for before, after in zip(dry["collections"], real["collections"], strict=True):
        for key in ("name", "documents", "tables", "quarantined", "archived", "conversions"):
            assert before[key] == after[key]
    verdict = run("verify", "--json", **environment).json()
    assert {table["status"] for table in verdict["tables"]} == {"ok"}
    text = run("verify", "--level", "counts", **environment).out
    assert "=== Migration Verification ===" in text
    assert "Orphaned user_settings.user_id: 0" in text

    items = run("quarantine", "list", "--json", **environment).json()["items"]
    assert len(items) == sum(dry["quarantine_rules"].values())
    user = next(item for item in items if item["collection"] == "users")
    shown = run("quarantine", "show", str(user["id"]), **environment).out
    assert '"hashed_password": "<redacted>"' in shown
    assert run("quarantine", "show", "999999", **environment).code == 2
    assert run("quarantine", "export", "held.jsonl", **environment).code == 0
    assert (tmp_path / "held.jsonl").stat().st_mode & 0o777 == 0o600
    assert run("quarantine", "export", "held.jsonl", **environment).code == 2
    waived = run("quarantine", "waive", str(user["id"]), "--reason", "a test account", "--json", **environment).json()
    assert waived["items"][0]["reason"] == "a test account"
    assert run("migrate", "--execute", **environment).code == 0
    assert run("verify", "--level", "counts", **environment).code == 0
    assert len(run("quarantine", "list", "--json", **environment).json()["items"]) == len(items) - 1


def test_over_budget_writes_nothing(run: Run, target: Dsn, filled: dict[str, str]) -> None:
    environment = {"POSTGRES_DSN": target.reveal(), **filled}
    ended = run("migrate", "--execute", "--max-quarantine", "5", "--json", **environment)
    assert ended.code == 1
    assert ended.json()["problems"][0]["code"] == "quarantine_over_budget"
    counted = run("verify", "--level", "counts", "--json", **environment)
    assert {t["target"] for t in counted.json()["tables"]} == {0}


def test_only_one_collection(run: Run, target: Dsn, filled: dict[str, str]) -> None:
    environment = {"POSTGRES_DSN": target.reveal(), **filled}
    ended = run("migrate", "--execute", "--only", "users", **environment)
    assert ended.code == 0
    assert "users" in ended.out
    assert "Migrated 330" not in ended.out
    assert run("migrate", "--execute", "--only", "templates", **environment).code == 2


@pytest.mark.parametrize("arguments", [("show",), ("check",), ("path",)])
def test_config_never_shows_a_secret(run: Run, arguments: tuple[str, ...]) -> None:
    environment = {
        "POSTGRES_DSN": "postgresql://ana:s3cr3t-one@db1/devora",
        "MONGO_URL": "mongodb://ana:s3cr3t-two@m1/",
        "OPENAI_API_KEY": "sk-s3cr3t-three",
    }
    for flags in ((), ("--json",)):
        ended = run("config", *arguments, *flags, **environment)
        assert "s3cr3t" not in ended.out + ended.err


def test_config_init_never_overwrites(run: Run, tmp_path: Path) -> None:
    assert run("config", "init", "mine.toml").code == 0
    assert run("config", "init", "mine.toml").code == 2
    assert run("--config", "mine.toml", "config", "show").code == 0
