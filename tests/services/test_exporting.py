"""The exporter's samples: of a real server, of one that is away, and never asked for by a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from devora_console.analytics.exporter.collect import gather, unknowns
from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError
from devora_console.cutover.opening import Intent
from devora_console.cutover.runbook import Given
from devora_console.migration.progress import Wishes
from devora_console.migration.steering import Status
from devora_console.services.cutting import Aim
from devora_console.services.exported import migration_of
from devora_console.services.exporting import Exporting
from tests.cli.conftest import target  # noqa: F401 - a fixture

Build = Callable[..., Exporting]
AWAY = "postgresql://nobody@127.0.0.1:1/devora_db"


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Exporters that look; stopped afterwards."""
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path))
    made: list[Exporting] = []

    def go(dsn: str | None, **more: str) -> Exporting:
        overrides = {"exporter.every_seconds": "1", "exporter.gates_minutes": "60", **more}
        overrides |= {} if dsn is None else {"postgres.dsn": dsn}
        effective = load(overrides=overrides, environ={"DEVORA_CONSOLE_HOME": str(tmp_path)}, cwd=tmp_path)
        aim = Aim(Intent("big-bang", tmp_path, Given()), "somebody", "login")
        made.append(Exporting(effective.settings, aim))
        made[-1].loop.call(made[-1].start())
        return made[-1]

    yield go
    for each in made:
        each.loop.call(each.stop(), 10)
        each.loop.close()


def values(exporting: Exporting) -> dict[str, dict[tuple[str, ...], float]]:
    return {each.family.name: dict(each.values) for each in gather(exporting.world())}


def test_a_server_is_told_of(build: Build, target: Dsn) -> None:  # noqa: F811
    exporting = build(target.reveal())
    assert exporting.loop.call(exporting.settled(60))
    told, unknown = values(exporting), unknowns(gather(exporting.world()))
    assert told["up"] == {("postgres",): 1}
    assert told["database_size_bytes"][()] > 1e6
    assert told["connections"][()] >= 1
    assert told["migration_state"][("none",)] == 1
    assert told["cutover_state"][("none",)] == 1
    assert told["gate_verdict"][("schema.drift", "ok")] == 1
    assert told["quarantine_open_documents"] == {(): 0}
    assert told["events"] == {(state,): 0 for state in ("spooled", "stored", "delivered", "waiting", "refused")}
    assert told["events_delivery_configured"] == {(): 0}
    assert told["projects"] == {(): 0}
    assert "no copy has come to its end" in unknown["devora_console_migration_lag_seconds"].reason
    assert "source_documents" not in told


def test_a_scrape_asks_no_server(build: Build, target: Dsn, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    exporting = build(target.reveal(), **{"exporter.every_seconds": "3600"})
    assert exporting.loop.call(exporting.settled(60))
    asked: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        monkeypatch.setattr(asyncpg.Connection, name, lambda *a, **k: asked.append(str(a)))
    for _ in range(200):
        assert gather(exporting.world())
    assert asked == []
    monkeypatch.undo()


def test_a_server_that_is_away_is_down_and_nothing_is_made_up(build: Build) -> None:
    exporting = build(AWAY)
    exporting.loop.call(exporting.settled(10))
    told, unknown = values(exporting), unknowns(gather(exporting.world()))
    assert told["up"] == {("postgres",): 0}
    for name in ("connections", "table_size_bytes", "database_size_bytes", "migration_state", "verification_ok"):
        assert told[name] == {}
        assert "127.0.0.1" in unknown[f"devora_console_{name}"].reason


def test_without_postgresql_there_is_nothing_to_serve(build: Build) -> None:
    with pytest.raises(ConsoleError, match="no PostgreSQL is configured"):
        build(None)


@pytest.mark.parametrize(
    ("state", "alive", "paused", "said", "told"),
    [
        ("running", True, False, "running", "running"),
        ("running", True, True, "running", "paused"),
        ("running", False, False, "running", "stopped"),
        ("done", False, False, "done", "done"),
        (None, False, False, None, "none"),
    ],
)
def test_the_state_of_a_copy(state: str | None, alive: bool, paused: bool, said: str | None, told: str) -> None:
    progress = {"state": said, "rows_done": 5, "rows_total": {"unknown": "not surveyed yet", "remedy": ""}}
    run = None if state is None else "r"
    found = migration_of(Status(run, state, alive, "x", None, None, None, Wishes(paused=paused), progress), None)
    assert found.state == told
    assert found.done == 5
    assert str(found.total) == "? not surveyed yet"
