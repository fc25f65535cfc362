"""Cutovers in every state, for the screen: a small runbook, and runs of it as their journals would tell them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, Registry
from devora_console.core.problems import Problem
from devora_console.cutover.events import GENESIS, Event, Kind
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.cutover.state import (
    Attempt,
    GateStanding,
    Poll,
    ProbeSeen,
    Run,
    RunState,
    StepStanding,
    StepState,
    Vote,
)
from devora_console.services.showing import Seen, shown
from tests.cutover.small_runbook import SMALL, run_of, small

BOOK = small(
    SMALL.replace("Team informed", "Team informed of the window").replace("ponr = true", "ponr = true\npeople = 2")
)
STEPS = [each.id for each in BOOK.steps]


async def _never() -> Measurement:
    raise NotImplementedError


GATES = Registry(
    [
        Gate("migration.dry_run", "Dry run passed", "A dry run of this mapping.", timedelta(hours=24), _never, 1),
        Gate("source.silent", "Source is silent", "Nobody writes.", timedelta(minutes=10), _never),
        Gate("backup.mongo", "MongoDB backup", "It exists.", timedelta(hours=24), _never, 4),
    ]
)


def _standings(*, open_: bool) -> dict[str, GateStanding]:
    now = utc_now()
    good = Verdict.OK if open_ else Verdict.FAIL
    return {
        "migration.dry_run": GateStanding(
            "migration.dry_run", False, good, "3 documents would be quarantined", "0", "the last dry run", "Press d",
            now - timedelta(minutes=5), now - timedelta(minutes=5),
        ),
        "source.silent": GateStanding("source.silent", False, Verdict.FAIL, "12 writes in 60 s", "0", measured_at=now,
            speaks_of=now, waived_by="ana", waiver="the nightly job is known"),
        **({"team.informed": GateStanding("team.informed", True, Verdict.OK, "mail of 14:00 to all", actor="ana",
            speaks_of=now, measured_at=now)} if open_ else {}),
    }  # fmt: skip


def _stood(name: str, state: StepState, **more: object) -> StepStanding:
    now = utc_now()
    begun = state not in (StepState.PENDING, StepState.WAITING)
    attempt = Attempt(1, False, now, time.clock_gettime(time.CLOCK_BOOTTIME) - 131, "boot", exited=True, rc=0)
    found = StepStanding(
        name,
        state,
        attempts=(attempt,) if begun else (),
        began=now - timedelta(seconds=131) if begun else None,
        touched=begun,
        passed=state is StepState.PASSED,
        seconds=8.0 if state is StepState.PASSED else None,
    )
    return replace(found, **more)  # type: ignore[arg-type]


def run_at(state: RunState, at: int = 0, step: StepStanding | None = None, **changes: object) -> Run:
    """A run in which the steps before ``at`` have passed, and ``step`` stands at it."""
    now = utc_now()
    run = run_of(BOOK, {}, state=state)
    steps = [_stood(name, StepState.PASSED if index < at else StepState.PENDING) for index, name in enumerate(STEPS)]
    if step is not None:
        steps[STEPS.index(step.id)] = step
    base = replace(
        run,
        environment="staging",
        steps=tuple(steps),
        gates=_standings(open_=True),
        created=now - timedelta(minutes=9),
        last_at=now,
        window_ends=now + timedelta(minutes=30),
        driver="ana@host",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def events(run: Run) -> tuple[Event, ...]:
    """Some events of a run, the last one about the step it stands at."""
    now = utc_now()
    found: list[tuple[Kind, str | None, dict[str, object]]] = [
        (Kind.CREATED, None, {"mode": "real", "environment": "staging", "runbook": "small"}),
        (Kind.GO, None, {"scope": "run"}),
        (Kind.RUN, None, {"state": "running", "reason": ""}),
        (Kind.NOTE, None, {"text": "the mail went out"}),
    ]
    stuck = next((each for each in run.steps if each.state not in (StepState.PASSED, StepState.PENDING)), None)
    if stuck is not None:
        found.append((Kind.STEP, stuck.id, {"state": stuck.state.value, "reason": stuck.reason, "by": stuck.by}))
    return tuple(
        Event(seq, run.id, now - timedelta(seconds=71), 1.0, "boot", "ana", "host", kind, step, None, said, GENESIS,
              f"{seq:08x}" * 8)
        for seq, (kind, step, said) in enumerate(found, 1)
    )  # fmt: skip


def _poll(scope: str, seconds: float) -> Poll:
    now = utc_now()
    return Poll(scope, now - timedelta(seconds=7), now + timedelta(seconds=seconds))


_VOTES = (Vote("run", "cy", "go", "", "login", BOOK.sha, BOOK.plan_sha, utc_now()),)


def seen_of(run: Run | None, **more: object) -> CutoverSnapshot:
    """What is shown of a run that is driven from here."""
    given: dict[str, object] = {
        "environment": "staging",
        "runbook": BOOK,
        "run": run,
        "registry": GATES,
        "standings": _standings(open_=False),
        "window_ends": utc_now() + timedelta(minutes=30),
        "driving": run is not None,
        "driver": "ana@host" if run is not None else "",
        "events": events(run) if run is not None else (),
    }
    return shown(Seen(**(given | more)))  # type: ignore[arg-type]


_PROBE = ProbeSeen("front", Verdict.FAIL, "200", "http://front/ answers 503", utc_now())
_OUTPUT = tuple(f"line {number} of the output" for number in range(1, 40))
_NO_RETURN = "a GO of its own: from here on there is no way back without loss"


def _stuck(state: StepState, reason: str) -> CutoverSnapshot:
    step = _stood("save", state, reason=reason, seconds=12.0)
    return seen_of(run_at(RunState.PAUSED, 2, step, reason=f"save {state.value}: {reason}"), output=_OUTPUT)


def _rolling() -> CutoverSnapshot:
    step = _stood("shut", StepState.UNDOING, seconds=8.0)
    return seen_of(run_at(RunState.ROLLING_BACK, 2, step, reason="the team decided so"))


def _no_runbook() -> CutoverSnapshot:
    problem = Problem("runbook", "runbook big_bang.toml: variables missing: site", "Set them under [cutover.vars]")
    return seen_of(None, runbook=None, problem=problem)


STATES: Mapping[str, Callable[[], CutoverSnapshot]] = {
    "no runbook": _no_runbook,
    "gates shut": lambda: seen_of(None),
    "draft": lambda: seen_of(run_at(RunState.DRAFT, gates=_standings(open_=False)), driving=False, driver=""),
    "ready": lambda: seen_of(run_at(RunState.DRAFT), driving=False, driver=""),
    "poll": lambda: seen_of(
        run_at(RunState.ARMED, reason="any strong objections?", poll=_poll("run", 23), votes=_VOTES)
    ),
    "poll of a watcher": lambda: seen_of(
        run_at(
            RunState.RUNNING, 4, _stood("open", StepState.WAITING, reason=_NO_RETURN), poll=_poll("open", 23), votes=()
        ),
        driving=False,
        driver="bob@bastion",
    ),
    "running": lambda: seen_of(run_at(RunState.RUNNING, 2, _stood("save", StepState.RUNNING)), output=_OUTPUT),
    "verifying": lambda: seen_of(
        run_at(RunState.RUNNING, 1, _stood("shut", StepState.VERIFYING, probes={"front": _PROBE}))
    ),
    "failed": lambda: _stuck(StepState.FAILED, "exit code 3"),
    "unknown": lambda: _stuck(StepState.UNKNOWN, "the machine was restarted"),
    "inconclusive": lambda: _stuck(StepState.INCONCLUSIVE, "the probe has no data"),
    "paused": lambda: seen_of(run_at(RunState.PAUSED, 3, reason="asked to by ana")),
    "no return": lambda: seen_of(
        run_at(
            RunState.RUNNING,
            4,
            _stood("open", StepState.WAITING, reason=_NO_RETURN),
            votes=(Vote("open", "ana", "go", "", "login", BOOK.sha, BOOK.plan_sha, utc_now()),),
        )
    ),
    "past": lambda: seen_of(
        run_at(RunState.PAUSED, 4, _stood("open", StepState.FAILED, reason="exit code 1"), gone=frozenset({"run"}))
    ),
    "rolling back": _rolling,
    "done": lambda: seen_of(run_at(RunState.DONE, len(STEPS)), driving=False, driver=""),
    "rolled back": lambda: seen_of(
        run_at(RunState.ROLLED_BACK, 1, reason="the team decided so"), driving=False, driver=""
    ),
    "watcher": lambda: seen_of(
        run_at(RunState.RUNNING, 2, _stood("save", StepState.RUNNING)), driving=False, driver="bob@bastion"
    ),
}
