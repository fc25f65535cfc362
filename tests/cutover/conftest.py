"""Runs and attempts in a temporary folder. What a test left running is ended by its number, in its own session."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from devora_console.cutover.apart import machine
from devora_console.cutover.attempt import read_started
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from tests.cutover.walking import Scene, kill_all

Begin = Callable[..., Journal]


def created(**changes: object) -> dict[str, object]:
    """What creates a run."""
    said: dict[str, object] = {
        "runbook": "big-bang",
        "title": "Big Bang",
        "sha": "ab" * 32,
        "text": "[runbook]\n",
        "strategy": "big-bang",
        "environment": "staging",
        "mode": "real",
        "steps": ["first", "second"],
    }
    return said | changes


@pytest.fixture(autouse=True)
def _memory_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary folders may be in memory."""
    monkeypatch.setenv("DEVORA_CUTOVER_ALLOW_TMPFS", "1")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs."""
    return home.prepare(tmp_path / "cutover")


@pytest.fixture
def begin(runs: Path) -> Iterator[Begin]:
    """``begin(**options)`` creates a run; its journal is closed afterwards."""
    made: list[Journal] = []

    def one(**options: object) -> Journal:
        payload = options.pop("payload", created())
        journal = Journal.create(runs, home.new_run_id("big-bang"), payload, "ana", **options)  # type: ignore[arg-type]
        made.append(journal)
        return journal

    yield one
    for journal in made:
        journal.close()


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[Path]:
    """The folder of an attempt. Whatever its command left in its session is killed afterwards."""
    folder = tmp_path / "step.1"
    folder.mkdir(mode=0o700)
    yield folder
    started = read_started(folder)
    if started is None or started.boot != machine.boot_id():
        return
    for name in os.listdir("/proc"):
        fields = machine.stat(int(name)) if name.isdigit() else None
        if fields and fields[3] == str(started.session) and float(fields[19]) >= (started.shim_start or 0):
            os.kill(int(name), signal.SIGKILL)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """A runbook of the test's own, to be walked here or by other consoles."""
    found = Scene(tmp_path)
    yield found
    await found.close()
    kill_all(found)
