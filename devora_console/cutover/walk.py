"""One run before one console: looked at, or driven. Everything shown of it is read from its journal."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from devora_console.config.redact import redact_message
from devora_console.config.secret import Secret, scrub
from devora_console.core.clock import iso
from devora_console.core.gates import Registry
from devora_console.core.problems import ConsoleError, Problem
from devora_console.cutover import gating
from devora_console.cutover.driver import Driver
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.ground import Ground
from devora_console.cutover.journal import home
from devora_console.cutover.journal.verify import digest
from devora_console.cutover.lease import Keeper, Lease
from devora_console.cutover.model import GateUse
from devora_console.cutover.notify import Notifier
from devora_console.cutover.opening import Opened
from devora_console.cutover.outputs import last_lines
from devora_console.cutover.people import People
from devora_console.cutover.probes import Prober
from devora_console.cutover.record import Record
from devora_console.cutover.sinks import Sink
from devora_console.cutover.state import Run, RunState, StepStanding
from devora_console.cutover.steps import Stepper
from devora_console.cutover.undo import remaining, undecided

_LAST_WORDS = 3.0  # seconds for what was not told when the console ends


@dataclass(frozen=True, slots=True)
class Means:
    """What a walk works with. ``environ`` is what commands inherit; ``me`` says who acts, for the journal."""

    registry: Registry
    environ: Mapping[str, str]
    secrets: Sequence[Secret]
    lease: Lease
    me: str
    source: str  # how it is known who acts: "login", "command line"
    output_limit_bytes: int
    sinks: Sequence[Sink] = ()  # who is told
    elsewhere: Callable[[], str] = lambda: ""  # another run of this environment that has begun, in words


class Walk:
    """A run. Looked at until :meth:`drive` makes this console its driver."""

    def __init__(self, opened: Opened, means: Means, changed: Callable[[], None]) -> None:
        self.opened = opened
        self._journal = opened.journal
        self._folder = opened.folder
        self._means = means
        self.runbook = opened.runbook
        self._record = Record(opened.journal, opened.journal.state(), changed)
        stepper = Stepper(
            self._record,
            opened.folder,
            Prober(means.registry, means.environ, self._redacted),
            means.environ,
            means.secrets,
            means.output_limit_bytes,
        )
        self._ground = Ground(
            self._record,
            opened.runbook,
            opened.runbook.plan_sha,
            stepper,
            means.registry,
            Keeper(means.lease, self._record),
            means.me,
            means.elsewhere,
        )
        self.people = People(self._ground)
        self._task: asyncio.Task[None] | None = None
        self._telling: list[tuple[Notifier, asyncio.Task[None]]] = []
        self.problem: Problem | None = None
        """Why this console drives no longer, when it was not meant to stop."""

    def _redacted(self, text: str) -> str:
        return redact_message(scrub(text, *self._means.secrets))

    @property
    def run(self) -> Run:
        """Where the run stands, as far as it was read."""
        return self._record.run

    @property
    def driving(self) -> bool:
        """Whether this console moves it."""
        return self._task is not None and not self._task.done()

    @property
    def poll(self) -> tuple[str, datetime] | None:
        """The poll for objections that this console has opened."""
        return self._ground.poll

    def stuck_on_the_way_back(self) -> StepStanding | None:
        """The step that a rollback cannot go past without a person; None while it goes on by itself."""
        if self.run.state is not RunState.ROLLING_BACK or not undecided(self.run, self.runbook):
            return None
        return self.run.step(remaining(self.run, self.runbook)[0].id)

    def driver(self) -> str:
        """Who drives now, on this machine; '' for nobody."""
        return self._means.me if self.driving else self._journal.driver() or ""

    def events(self, count: int) -> tuple[Event, ...]:
        """The latest events."""
        return self._journal.events(max(0, self.run.last_seq - count))

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._folder

    @property
    def beyond(self) -> bool:
        """Whether real writes may have reached the target."""
        return self._ground.beyond()

    async def keep_artifact(self, path: Path, kind: str) -> None:
        """Write down a file or folder that belongs to the run, with its hash."""
        sha256 = await asyncio.to_thread(digest, path)
        size = await asyncio.to_thread(_size, path)
        said = {"path": str(path), "sha256": sha256, "bytes": size, "kind": kind, "level": 0}
        await self._record.add(Kind.ARTIFACT, said, fenced=False)

    async def look(self) -> None:
        """Read what others wrote. The driver does so by itself."""
        if not self.driving:
            await self._record.catch_up()

    async def hold(self) -> None:
        """Become the driver, moving nothing yet. Raises ConsoleError (exit 4) when another console is."""
        self._record.token = await asyncio.to_thread(self._journal.take_driver, self._means.me)
        await self._record.catch_up()

    async def let_go(self) -> None:
        """Be the driver no longer, where nothing was begun."""
        if not self.driving:
            self._record.token = None
            await asyncio.to_thread(self._journal.release_driver)

    async def drive(self) -> None:
        """Become the driver and begin to move it. Raises ConsoleError (exit 4) when another console is."""
        if self._record.token is None:
            await self.hold()
        self._task = asyncio.create_task(self._driven())
        if not self._telling:
            self._tell()

    def _tell(self) -> None:
        for sink in self._means.sinks:
            if not sink.lacks():
                notifier = Notifier(self._record, self._journal, self.runbook, sink, self._tells)
                self._telling.append((notifier, asyncio.create_task(notifier.run())))

    def _tells(self) -> bool:
        return self._record.token is not None or self._journal.driver() is None

    async def _driven(self) -> None:
        keeping = asyncio.create_task(self._ground.lease.keep())
        try:
            await Driver(self._ground).drive()
            await self._ground.lease.give()
        except ConsoleError as error:
            self.problem = error.problem
        except Exception as error:  # noqa: BLE001 - a fault of ours must not look like a run that is driven
            words = f"the driver broke off ({type(error).__name__}: {error}); a step in flight goes on"
            self.problem = Problem("driver_broke_off", self._redacted(words), "cutover run --resume")
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            self._record.token = None
            await asyncio.to_thread(self._journal.release_driver)

    async def ended(self) -> None:
        """Wait until it is driven no longer."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        """Let go. A step in flight goes on, and whoever drives next finds it. What was not told yet is told now if that
        takes no time: of a run that has ended nobody tells it later.
        """
        await _ended(self._task)
        for notifier, _ in self._telling:
            notifier.end()
        if self._telling:
            await asyncio.wait([task for _, task in self._telling], timeout=_LAST_WORDS)
        for _, task in self._telling:
            await _ended(task)
        await asyncio.to_thread(self._journal.close)

    # --- what anybody may do, driver or not ---------------------------------------------------------

    async def note(self, text: str) -> None:
        """A word for the timeline."""
        await self._record.add(Kind.NOTE, {"text": text}, fenced=False)

    async def vote(self, scope: str, vote: str, reason: str = "") -> None:
        """Say go, no_go or objection about the run, a step or a rollback."""
        said = {
            "scope": scope,
            "vote": vote,
            "reason": reason,
            "source": self._means.source,
            "sha": self.runbook.sha,
            "plan_sha": self.runbook.plan_sha,
        }
        await self._record.add(Kind.VOTE, said, fenced=False)

    async def attest(self, gate: str, evidence: str) -> None:
        """Say that an attested gate is open, and how one knows."""
        await self._record.add(Kind.ATTESTED, {"gate": gate, "evidence": evidence}, fenced=False)

    async def waive(self, gate: str, reason: str) -> None:
        """Let the run pass a gate that is shut; for this run only, by name, with the reason."""
        await self._record.add(Kind.WAIVED, {"gate": gate, "reason": reason}, fenced=False)

    async def measure(self, wanted: Sequence[GateUse]) -> None:
        """Measure gates now."""
        for name, found in (await gating.measure(wanted, self._means.registry)).items():
            await self._record.add(Kind.GATE, gating.payload(name, found), fenced=False)

    def missing(self, name: str) -> str:
        """What a step that waits is without, as things stand now, in words; empty when it is about to start, and while
        its gates are being measured.
        """
        shut = self.run.step(name).reason if name in self._ground.shut else ""
        return self._ground.hindrance(self.runbook.step(name)) or shut

    def gate_lines(self) -> tuple[gating.GateLine, ...]:
        """Every gate of the runbook that this run asks for, as it stands."""
        wanted = [each for each in self.runbook.gates if each.rehearsal or self.run.mode.value != "rehearsal"]
        return self._ground.gate_lines(wanted)

    async def output(self, step: str, lines: int) -> tuple[str, ...]:
        """The end of what the latest attempt at a step printed, fit to be shown."""
        attempts = self.run.step(step).attempts
        if not attempts:
            return ()
        latest = attempts[-1]
        folder = home.attempt_folder(self._folder, step, latest.number, undo=latest.undo)
        return await asyncio.to_thread(last_lines, folder, lines)

    def mention(self) -> str:
        """The run in a word, for messages."""
        return f"run {self.run.id}, opened {iso(self.run.created.replace(microsecond=0))}"


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConsoleError):
            await task


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(each.stat().st_size for each in files if each.is_file())
