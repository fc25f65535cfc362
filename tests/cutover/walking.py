"""A run of a runbook whose steps append a line to a log for each effect they have, and consoles that walk it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from devora_console.config.secret import Secret
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, Registry
from devora_console.cutover.apart import machine
from devora_console.cutover.attempt import held, read_started
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.journal.verify import verify
from devora_console.cutover.opening import Intent, Opened, open_new, take_up
from devora_console.cutover.runbook import Given
from devora_console.cutover.runbook_values import Surroundings
from devora_console.cutover.state import ENDED, Run, RunMode, RunState, StepState
from devora_console.cutover.walk import Means, Walk
from tests.cutover.consoles import Console

SECONDS = 30.0  # patience on a busy machine; nothing waits for so long
WITHOUT = ("--without-lease", "there is no target in this trial")


def step(
    name: str,
    work: str = "true",
    *,
    probe: str | None = None,
    undo: str | None = "true",
    undo_probe: str | None = None,
    **keys: Any,
) -> str:
    """A command that writes its name into the log, does ``work`` and leaves a mark; its undo does the reverse."""
    mark = f"{{dir}}/{name}"
    said: dict[str, object] = {"timeout_seconds": 30, "expect_seconds": 1} | keys
    tables = {key: said.pop(key) for key in ("already", "guardrail", "rehearsal") if key in said}
    lines = [
        "[[step]]",
        f'id = "{name}"\ntitle = "Step {name}"\nkind = "command"',
        f"run = {json.dumps(['sh', '-c', f'echo {name} >> {{dir}}/log; {work} && touch {mark}'])}",
        *(f"{key} = {json.dumps(value)}" for key, value in said.items()),
        "[[step.probe]]",
        probe or f'run = ["test", "-e", "{mark}"]\nwithin_seconds = 0.1\nevery_seconds = 0.1',
    ]
    for key in ("already", "guardrail"):
        if key in tables:
            lines += [f"[[step.{key}]]", str(tables[key])]
    if undo is not None:
        command = json.dumps(["sh", "-c", f"echo undo-{name} >> {{dir}}/log; {undo} && rm -f {mark}"])
        gone = json.dumps(["sh", "-c", f"! test -e {mark}"])
        lines += ["[step.undo]", f'run = {command}\nwords = "take {name} back"\ntimeout_seconds = 30']
        lines += ["[[step.undo.probe]]", undo_probe or f"run = {gone}\nwithin_seconds = 0.1\nevery_seconds = 0.1"]
    if "rehearsal" in tables:
        lines += ["[step.rehearsal]", str(tables["rehearsal"])]
    return "\n".join(lines)


def opening(name: str = "open", **keys: Any) -> str:
    """The step past which there is no return."""
    return step(name, undo=None, ponr=True, rehearsal='how = "skip"\nreason = "opens"', **keys)


def told(mark: str) -> str:
    """An ``already`` probe that tells by a mark whether a step happened."""
    return f'run = ["test", "-e", "{{dir}}/{mark}"]\nwithin_seconds = 0.1\nevery_seconds = 0.1'


def book(*steps: str, gates: str = "", **keys: object) -> str:
    """A runbook of these steps; the point of no return comes last when none of them is it."""
    head: dict[str, object] = {"name": "tiny", "title": "Tiny", "strategy": "big-bang", "window_minutes": 60}
    head |= {"objection_seconds": 0, "horizon_seconds": 600} | keys
    parts = list(steps)
    if not any("ponr = true" in each for each in parts):
        parts.append(opening())
    lines = ["[runbook]", *(f"{key} = {json.dumps(value)}" for key, value in head.items())]
    return "\n".join([*lines, "[vars]", 'dir = ""', gates, *parts]) + "\n"


class Lent:
    """A lease that says what the test wants."""

    def __init__(self) -> None:
        self.why = ""
        self.override = ""
        self.taken = 0

    async def take(self) -> bool:
        self.taken += 1
        return not self.why or bool(self.override)

    async def give(self) -> None:
        self.taken = 0


@dataclass
class Measured:
    """A gate that says what the test wants."""

    verdict: Verdict = Verdict.OK
    value: str = "as it should be"
    asked: int = 0
    seconds: float = 0.0
    answers: list[Verdict] = field(default_factory=list)

    async def measure(self) -> Measurement:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        return Measurement(self.answers.pop(0) if self.answers else self.verdict, self.value)


@dataclass
class Scene:
    """A folder with a runbook, its runs, and what its steps do."""

    folder: Path
    gates: dict[str, Measured] = field(default_factory=dict)
    lease: Lent = field(default_factory=Lent)
    secrets: Sequence[Secret] = ()
    walks: list[Walk] = field(default_factory=list)
    started: int = 0

    @property
    def root(self) -> Path:
        return self.folder / "cutover"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def write(self, text: str) -> None:
        """The runbook, and the configuration that names it."""
        self.out.mkdir(exist_ok=True)
        (self.folder / "tiny.toml").write_text(text)
        tables = f'[cutover]\nhome = "{self.root}"\nrunbook = "tiny.toml"\n[cutover.vars]\ndir = "{self.out}"\n'
        (self.folder / "console.toml").write_text(f'environment = "demo"\n{tables}')

    # --- in this process ------------------------------------------------------------------------------

    @property
    def given(self) -> Given:
        surroundings = Surroundings(
            console=("console",), environment="demo", mongo_database="src", postgres_database="dst"
        )
        return Given(surroundings, {"dir": str(self.out)})

    @property
    def registry(self) -> Registry:
        return Registry(
            Gate(name, name, "", timedelta(hours=1), measured.measure) for name, measured in self.gates.items()
        )

    def open(self, mode: RunMode = RunMode.REAL) -> Opened:
        intent = Intent("tiny.toml", self.folder, self.given)
        return open_new(self.root, intent, mode=mode, targets={}, window_ends=None, actor="ana", secrets=self.secrets)

    def again(self, who: str = "ana") -> Opened:
        """The latest run, in another console."""
        return take_up(home.find(self.root), self.given, actor=who, secrets=self.secrets)

    def walk(self, opened: Opened, who: str = "ana") -> Walk:
        means = Means(
            registry=self.registry,
            environ=dict(os.environ),
            secrets=self.secrets,
            lease=self.lease,
            me=who,
            source="login",
            output_limit_bytes=64_000_000,
        )
        walk = Walk(opened, means, lambda: None)
        self.walks.append(walk)
        return walk

    async def begun(self, text: str, mode: RunMode = RunMode.REAL) -> Walk:
        """A new run of this runbook that got its GO."""
        self.write(text)
        walk = self.walk(self.open(mode))
        await walk.drive()
        await walk.people.go()
        return walk

    async def says(self, who: str, scope: str, vote: str = "go", reason: str = "as agreed") -> None:
        """Another person votes from another console."""
        walk = self.walk(self.again(who), who)
        await walk.vote(scope, vote, reason)
        await walk.close()
        self.walks.remove(walk)

    async def close(self) -> None:
        for walk in self.walks:
            await walk.close()

    # --- other processes ------------------------------------------------------------------------------

    def console(self, *words: str, typed: str = "demo", terminal: str = "") -> Console:
        """The console as a person starts it."""
        known = ("POSTGRES_DSN", "MONGO_URL", "DB_NAME", "DEVORA_CONSOLE_CONFIG")
        environ = {name: value for name, value in os.environ.items() if name not in known}
        environ |= {"DEVORA_CONSOLE_HOME": str(self.folder / "home"), "DEVORA_CUTOVER_ALLOW_TMPFS": "1"}
        argv = ["cutover", *words, "--config", str(self.folder / "console.toml"), "--yes-i-typed", typed]
        self.started += 1
        return Console(argv, environ, self.folder / f"said-{self.started}", terminal)

    def ran(self, *words: str, typed: str = "demo") -> tuple[int, str]:
        """Its exit code, and what it said."""
        return self.console(*words, typed=typed).end()

    # --- what has become of it ------------------------------------------------------------------------

    def log(self) -> list[str]:
        """Every effect, in its order."""
        with contextlib.suppress(FileNotFoundError):
            return (self.out / "log").read_text().split()
        return []

    def run(self) -> Run:
        with Journal.watch(home.find(self.root)) as journal:
            return journal.state()

    def events(self, *kinds: Kind) -> list[Event]:
        with Journal.watch(home.find(self.root)) as journal:
            return [each for each in journal.events() if not kinds or each.kind in kinds]

    def whole(self) -> bool:
        """Whether the chain of the journal's hashes is."""
        return verify(home.find(self.root)).good

    def attempt(self, name: str, number: int = 1, *, undo: bool = False) -> Path:
        return home.attempt_folder(home.find(self.root), name, number, undo=undo)


async def until(happened: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for it, on the loop; fails when it does not come to be."""
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 - what it waits for is in another process, or in a file
            await asyncio.sleep(0.02)


def state_of(walk: Walk, name: str) -> StepState:
    return walk.run.step(name).state


async def rest(walk: Walk, *states: RunState) -> Run:
    """Until the run has ended, is paused, or is in one of these states."""
    wanted = {*ENDED, RunState.PAUSED, *states}
    await until(lambda: walk.run.state in wanted or not walk.driving)
    if walk.run.state in ENDED:
        await walk.ended()
    assert walk.problem is None, walk.problem
    return walk.run


def kill_all(scene: Scene) -> None:
    """Whatever an attempt has left running, by its number in its own session."""
    if not scene.root.exists():
        return
    for folder in scene.root.glob("*/steps/*"):
        started = read_started(folder)
        if started is None or started.boot != machine.boot_id() or not held(folder / "alive.lock"):
            continue
        for name in os.listdir("/proc"):
            fields = machine.stat(int(name)) if name.isdigit() else None
            if fields and fields[3] == str(started.session) and float(fields[19]) >= (started.shim_start or 0):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(name), signal.SIGKILL)


def counts(log: Sequence[str]) -> Mapping[str, int]:
    """How often each effect happened."""
    return {name: log.count(name) for name in log}
