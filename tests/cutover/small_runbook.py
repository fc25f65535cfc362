"""A small runbook that is right, to be spoilt; and runs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from devora_console.cutover.model import Runbook
from devora_console.cutover.runbook import Given, parse_runbook
from devora_console.cutover.runbook_values import Surroundings
from devora_console.cutover.state import Attempt, Run, RunMode, RunState, StepStanding, StepState

NOW = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
SMALL = """\
[runbook]
name = "small"
title = "Small"
strategy = "big-bang"
window_minutes = 30

[vars]
site = ""
front_url = "http://front"

[[gate]]
id = "migration.dry_run"
[[gate]]
id = "team.informed"
attested = true
title = "Team informed"
about = "Who, when, where"
ttl_hours = 72
[[gate]]
id = "source.silent"
before = "switch"

[[step]]
id = "preflight"
title = "Measure again"
kind = "gates"
expect_seconds = 5

[[step]]
id = "shut"
title = "Maintenance ON"
guide = "[1/7]"
kind = "command"
run = ["{site}", "maintenance", "on"]
timeout_seconds = 60
expect_seconds = 10
  [[step.probe]]
  http = "{front_url}/"
  status = 503
  contains = "maintenance"
  times = 3
  [step.undo]
  run = ["{site}", "maintenance", "off"]
  expect_seconds = 20
    [[step.undo.probe]]
    http = "{front_url}/"

[[step]]
id = "save"
title = "Save"
kind = "command"
run = ["{console}", "backup", "mongo", "--out", "{run_dir}/mongo"]
expect_seconds = 100
  [[step.probe]]
  gate = "backup.mongo"
  [step.undo]
  words = "nothing to undo: a backup is kept"

[[step]]
id = "switch"
title = "Switch"
kind = "command"
run = ["{site}", "switch"]
env = { MODE = "postgres" }
expect_seconds = 30
  [[step.probe]]
  run = ["{site}", "check", "{{}}"]
  [step.undo]
  run = ["{site}", "back"]
  expect_seconds = 40
    [[step.undo.probe]]
    run = ["{site}", "check"]

[[step]]
id = "open"
title = "Maintenance OFF"
kind = "command"
run = ["{site}", "maintenance", "off"]
ponr = true
expect_seconds = 10
  [[step.probe]]
  http = "{front_url}/"
  [step.rehearsal]
  how = "skip"
  reason = "it lets visitors in"

[[step]]
id = "watch"
title = "Watch"
kind = "wait"
wait_seconds = 600
  [[step.probe]]
  http = "{front_url}/"
"""
SURROUNDINGS = Surroundings(
    console=("python", "-m", "devora_console"), environment="test", mongo_database="src", postgres_database="dst"
)


def given(**variables: str) -> Given:
    """What the small runbook needs, and more."""
    return Given(SURROUNDINGS, {"site": "/opt/site.sh", **variables})


def small(text: str = SMALL, **variables: str) -> Runbook:
    """The small runbook."""
    return parse_runbook(text.encode(), "small.toml", given(**variables))


@dataclass(frozen=True)
class Stood:
    """How a step of a run stands: its state, the return codes of its attempts, and those of its undo."""

    state: StepState = StepState.PENDING
    tried: tuple[int | None, ...] = ()
    undone: tuple[int | None, ...] = ()
    seconds: float | None = None
    undo_seconds: float | None = None


def run_of(
    book: Runbook,
    stood: Mapping[str, Stood],
    *,
    state: RunState = RunState.RUNNING,
    mode: RunMode = RunMode.REAL,
) -> Run:
    """A run of ``book``; steps that are not given are pending."""
    return Run(
        id="20261127T220000Z-small-abcd",
        runbook=book.name,
        title=book.title,
        sha=book.sha,
        text=book.text,
        strategy=book.strategy,
        environment="test",
        mode=mode,
        created=NOW,
        window_ends=None,
        targets={},
        variables={},
        state=state,
        reason="",
        steps=tuple(_standing(step.id, stood.get(step.id, Stood())) for step in book.steps),
        gates={},
        votes=(),
        gone=frozenset(),
        token=1,
        driver="",
        notes=(),
        last_seq=1,
        last_at=NOW,
    )


def _standing(name: str, stood: Stood) -> StepStanding:
    attempts = [_attempt(n, False, rc, stood.seconds) for n, rc in enumerate(stood.tried, 1)]
    attempts += [_attempt(n, True, rc, stood.undo_seconds) for n, rc in enumerate(stood.undone, 1)]
    green = stood.state is StepState.PASSED or (stood.state is StepState.UNDONE and stood.tried[-1:] == (0,))
    return StepStanding(
        name,
        stood.state,
        attempts=tuple(attempts),
        seconds=stood.seconds,
        touched=bool(attempts),
        passed=green,
    )


def _attempt(number: int, undo: bool, rc: int | None, seconds: float | None) -> Attempt:
    return Attempt(number, undo, NOW, 0.0, "boot", exited=rc is not None, rc=rc, seconds=seconds)
