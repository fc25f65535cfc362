"""How a run begins and is taken up again: the runbook's text is pinned in its journal, whatever becomes of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from devora_console.config.secret import Secret
from devora_console.core.clock import iso
from devora_console.core.problems import ConsoleError, refused
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.model import Runbook
from devora_console.cutover.runbook import Given, load_runbook, parse_runbook
from devora_console.cutover.state import ENDED, Run, RunMode


@dataclass(frozen=True, slots=True)
class Intent:
    """What is to be walked: the name of a runbook or a file (relative to ``base``), and what it is read with."""

    name: str
    base: Path
    given: Given

    def load(self) -> Runbook:
        """The runbook as the file stands now, for showing. Raises ConsoleError (exit 2)."""
        return load_runbook(self.name, self.given, self.base)


@dataclass(frozen=True, slots=True)
class Opened:
    """A run in hand: its journal, its folder, and the runbook as it was when the run was opened."""

    journal: Journal
    folder: Path
    runbook: Runbook


def open_new(
    root: Path,
    intent: Intent,
    *,
    mode: RunMode,
    targets: Mapping[str, str],
    window_ends: datetime | None,
    actor: str,
    secrets: Sequence[Secret],
    git: str = "",
) -> Opened:
    """A new run in the folder of runs. Raises ConsoleError: exit 2 for the runbook, 5 for the disk, 4 for secrets."""
    home.prepare(root)
    first = intent.load()
    run = home.new_run_id(first.strategy)
    runbook = _bound(intent.given, first.text, first.path, run, root / run)
    payload = {
        "runbook": runbook.name,
        "title": runbook.title,
        "sha": runbook.sha,
        "plan_sha": runbook.plan_sha,
        "path": runbook.path,
        "text": runbook.text,
        "git": git,
        "strategy": runbook.strategy,
        "environment": intent.given.surroundings.environment,
        "mode": mode.value,
        "targets": dict(targets),
        "variables": dict(runbook.variables),
        "window_ends": iso(window_ends) if window_ends else None,
        "steps": [each.id for each in runbook.steps],
    }
    journal = Journal.create(root, run, payload, actor, secrets=secrets)
    return Opened(journal, root / run, runbook)


def take_up(folder: Path, given: Given, *, actor: str, secrets: Sequence[Secret]) -> Opened:
    """A run that was opened before, with the text it was opened with. Raises ConsoleError (exit 4) for a run of another
    environment: what it names is not what this console is configured for.
    """
    journal = Journal.open(folder, actor, secrets=secrets)
    try:
        run = journal.state()
        _same_place(run, given)
        return Opened(journal, folder, runbook_of(run, given, folder))
    except BaseException:  # protects the journal: it is not kept open for a run that is not taken up
        journal.close()
        raise


def runbook_of(run: Run, given: Given, folder: Path) -> Runbook:
    """The runbook that a run was opened with. Raises ConsoleError (exit 2) when it cannot be read any more."""
    pinned = replace(given, variables=dict(run.variables), shared={})
    return _bound(pinned, run.text, f"the runbook of run {run.id}", run.id, folder)


def _bound(given: Given, text: str, shown: str, run: str, folder: Path) -> Runbook:
    bound = replace(given, surroundings=replace(given.surroundings, run=run, run_dir=str(folder)))
    return parse_runbook(text.encode(), shown, bound, path=shown)


def _same_place(run: Run, given: Given) -> None:
    if run.environment != given.surroundings.environment:
        raise refused(
            "other_environment",
            f"run {run.id} is of {run.environment}, this console is configured for {given.surroundings.environment}",
            f"Use the profile of {run.environment}",
        )


def has_ended(root: Path, run: str) -> bool | None:
    """Whether a run of this very id, in this folder of runs, has ended; None when there is none that can be read."""
    folder = next((each for each in home.runs(root) if each.name == run), None)
    if folder is None:
        return None
    try:
        with Journal.watch(folder) as journal:
            return journal.state().state in ENDED
    except ConsoleError:
        return None
