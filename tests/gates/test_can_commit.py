"""``can-commit`` on a target that lacks one thing, and then nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from devora_console.cli.entry import run
from devora_console.migration.progress import Kind
from tests.gates.conftest import Place, do, dsn_of
from tests.migration.world import run as work


async def test_it_can_when_the_last_condition_is_met(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = await place()
    assert isinstance(scene.source, str)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEVORA_CONSOLE_HOME", str(tmp_path))
    monkeypatch.setenv("POSTGRES_DSN", dsn_of(scene).reveal())
    where = tmp_path / "data" / "dry-runs"
    await work(Kind.DRY_RUN, dsn_of(scene), Path(scene.source), verdicts=where)
    await do(scene, "ANALYZE")
    arguments = ["can-commit", "--source", scene.source]
    assert await asyncio.to_thread(run, [*arguments, "--only", "quarantine.emty"]) == 2
    assert "Did you mean quarantine.empty?" in capsys.readouterr().err

    assert await asyncio.to_thread(run, arguments) == 1
    said = capsys.readouterr().out
    assert "8 of 9 conditions are met" in said
    assert "1 unresolved: users 1" in said
    assert "quarantine waive" in said
    assert await asyncio.to_thread(run, [*arguments, "--only", "search.vectors"]) == 0
    capsys.readouterr()

    await do(
        scene, "UPDATE devora_console.quarantine SET resolved_at = now(), resolved_by = 'waived by ana', reason = 'x'"
    )
    assert await asyncio.to_thread(run, [*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["can_commit"] is True
    for clause in document["clauses"]:
        assert set(clause) == {"id", "title", "verdict", "value", "threshold", "why", "remedy", "age_seconds"}
        assert clause["verdict"] == "ok"
