"""The cutover as the screen has it: looked at all the time, and driven once somebody takes it up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from devora_console.core.clock import utc_now
from devora_console.core.gates import Registry
from devora_console.core.guard import Act, Guard
from devora_console.core.problems import ConsoleError, Problem, refused
from devora_console.cutover import gating
from devora_console.cutover.model import Runbook
from devora_console.cutover.opening import Opened
from devora_console.cutover.outbox import Delivery
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.cutover.state import ENDED, GateStanding, Run, RunMode
from devora_console.cutover.timing import Timings, timings
from devora_console.cutover.undo import after_the_end
from devora_console.cutover.voting import RUN_SCOPE
from devora_console.cutover.walk import Walk
from devora_console.services.cutting import Cutting
from devora_console.services.showing import Seen, shown

_LOOK = 0.5
_SLOW = 20  # looks between two readings of what changes seldom
_LINES, _EVENTS = 200, 200
_ANYBODYS = frozenset({"measure", "measure_loss", "note", "vote_go", "object", "attest"})  # they change no server


class Walking:
    """``changed`` is called after each change of what is shown."""

    def __init__(self, cutting: Cutting, environment: str, guard: Guard, changed: Callable[[], None]) -> None:
        self._cutting = cutting
        self._environment = environment
        self._guard = guard
        self._changed = changed
        self._walk: Walk | None = None
        self._folder: Path | None = None
        self._runbook: Runbook | None = None
        self._problem: Problem | None = None
        self._registry = Registry()
        self._standings: dict[str, GateStanding] = {}
        self._timings = Timings()
        self._window_ends: datetime | None = None
        self._measuring = False
        self._loss: tuple[str, ...] = ()
        self._output: tuple[str, ...] = ()
        self._told: tuple[Delivery, ...] = ()
        self._told_of = 0  # the event up to which that speaks
        self._cleared: set[Path | None] = set()
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.snapshot: CutoverSnapshot = shown(Seen(environment, None))

    def start(self) -> None:
        """Begin to look, on the running loop."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Let go of the run; a step in flight goes on."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._walk is not None:
            await self._walk.close()

    # --- looking ------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        looks = 0
        while True:
            try:
                if looks % _SLOW == 0:
                    await self._read()
                await self._look()
            except ConsoleError as error:
                self._problem = error.problem
            except OSError as error:  # a folder that vanished or may not be read: looked at again, not given up
                self._problem = Problem("cutover_unreadable", f"{error.filename}: {error.strerror}", "Mend that")
            self._show()
            looks += 1
            self._stale.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stale.wait(), _LOOK)

    async def _read(self) -> None:
        """What changes seldom: the runbook's file, earlier runs, a run that somebody else has opened."""
        self._problem = None
        if self._walk is None or self._walk.run.state in ENDED:
            found = await asyncio.to_thread(self._cutting.unfinished)
            if found is not None and found != self._folder:
                await self._hold(found)
        if self._walk is None:
            book = await asyncio.to_thread(self._cutting.runbook)
            if self._runbook is None or book.plan_sha != self._runbook.plan_sha:
                self._registry = await asyncio.to_thread(self._cutting.gates, book)
            self._runbook = book
            self._window_ends = self._cutting.window_end(self._runbook, utc_now())
            done = await asyncio.to_thread(self._cutting.done_last, self._runbook)
            if done is not None:
                await self._hold(done)
        assert self._runbook is not None
        own = self._walk.run.id if self._walk is not None else ""
        runs: Sequence[Run] = await asyncio.to_thread(lambda: [run for run in self._cutting.runs() if run.id != own])
        self._timings = timings(runs, self._runbook, self._environment)

    async def _hold(self, folder: Path) -> None:
        await self._take(await asyncio.to_thread(self._cutting.take_up, folder))

    async def _take(self, opened: Opened) -> None:
        """This run is shown from here on, and may be driven."""
        old, self._walk = self._walk, self._cutting.walk(opened, self._wake)
        self._folder, self._runbook, self._loss = opened.folder, self._walk.runbook, ()
        self._told, self._told_of = (), 0
        self._registry = self._cutting.gates(self._runbook)
        if old is not None:
            await old.close()

    async def _look(self) -> None:
        walk = self._walk
        if walk is None:
            return
        await walk.look()
        if walk.problem is not None:
            self._problem = walk.problem
        if walk.run.state in ENDED and self._folder not in self._cleared:
            self._cleared.add(self._folder)
            await self._cutting.clear_up(walk.run)
        current = self.snapshot.current
        if walk.run.last_seq != self._told_of:
            self._told_of, self._told = walk.run.last_seq, await asyncio.to_thread(self._cutting.told, walk.opened)
        self._output = await walk.output(current, _LINES) if current is not None else ()

    def _wake(self) -> None:
        self._stale.set()

    def _show(self) -> None:
        walk = self._walk
        self.snapshot = shown(
            Seen(
                environment=self._environment,
                runbook=self._runbook,
                problem=self._problem,
                run=walk.run if walk else None,
                registry=self._registry,
                standings=self._standings,
                timings=self._timings,
                window_ends=self._window_ends,
                driving=walk.driving if walk else False,
                driver=walk.driver() if walk else "",
                measuring=self._measuring,
                loss=self._loss,
                output=self._output,
                events=walk.events(_EVENTS) if walk else (),
                told=self._told,
            )
        )
        self._changed()

    # --- acting -------------------------------------------------------------------------------------

    async def act(self, verb: str, target: str = "", text: str = "") -> None:
        """Do what a person asked for. Raises ConsoleError for what is not allowed now."""
        do = self._acts().get(verb)
        if do is None:
            raise refused("no_such_act", f"there is no act {verb}", "See: ?")
        if verb not in _ANYBODYS:
            self._guard.permit(Act(f"{verb.replace('_', ' ')} in the cutover", self._environment), self._environment)
        try:
            await do(target, text)
        finally:
            self._wake()

    def _acts(self) -> Mapping[str, Callable[[str, str], Awaitable[None]]]:
        return {
            "measure": self._measure,
            "open": self._open,
            "rehearse": self._rehearse,
            "take_up": lambda target, text: self._drive(),
            "go": self._go,
            "attest": lambda target, text: self._any().attest(target, text),
            "waive": lambda target, text: self._any().waive(target, text),
            "note": lambda target, text: self._going_back().note(text),
            "vote_go": lambda target, text: self._going_back().vote(target or RUN_SCOPE, "go", text),
            "object": lambda target, text: self._going_back().vote(target or RUN_SCOPE, "objection", text),
            "measure_loss": self._measure_loss,
            "done": self._done,
            "release": self._release,
            "pause": lambda target, text: self._mine().people.pause(),
            "resume": lambda target, text: self._mine().people.resume(),
            "stop_step": lambda target, text: self._mine().people.stop_step(),
            "retry": lambda target, text: self._mine().people.retry(target),
            "happened": lambda target, text: self._mine().people.resolve(target, done=True, reason=text),
            "did_not_happen": lambda target, text: self._mine().people.resolve(target, done=False, reason=text),
            "skip": self._skip,
            "roll_back": self._roll_back,
        }

    def _any(self) -> Walk:
        if self._walk is None or self._walk.run.state in ENDED:
            raise refused("no_run", "there is no run yet", "Open one first")
        return self._walk

    def _going_back(self) -> Walk:
        """The run, after its end too, as long as it may be taken back."""
        walk = self._walk
        return walk if walk is not None and after_the_end(walk.run, walk.runbook) else self._any()

    def _mine(self) -> Walk:
        walk = self._any()
        if not walk.driving:
            who = walk.driver() or "nobody"
            raise refused("not_driving", f"this console does not drive the run ({who} does)", "Take it up first")
        return walk

    async def _measure(self, target: str, text: str) -> None:
        """Measure one gate, or all of them."""
        assert self._runbook is not None
        wanted = [each for each in self._runbook.gates if target in ("", each.id) and not each.attested]
        self._measuring = True
        self._wake()
        try:
            if self._walk is not None and self._walk.run.state not in ENDED:
                await self._walk.measure(wanted)
            else:
                for name, found in (await gating.measure(wanted, self._registry)).items():
                    self._standings[name] = gating.standing_of(name, found)
        finally:
            self._measuring = False

    async def _open(self, target: str, text: str) -> None:
        await self._new(RunMode.REAL)

    async def _rehearse(self, target: str, text: str) -> None:
        await self._new(RunMode.REHEARSAL)

    async def _new(self, mode: RunMode) -> None:
        await self._take(await asyncio.to_thread(self._cutting.open, mode))

    async def _drive(self) -> None:
        walk = self._any()
        if not walk.driving:
            await self._cutting.prepare(walk.run)
            await walk.drive()

    async def _go(self, target: str, text: str) -> None:
        await self._drive()
        await self._mine().people.go(target or RUN_SCOPE)

    async def _done(self, target: str, text: str) -> None:
        await self._mine().people.done(target, text)

    async def _skip(self, target: str, text: str) -> None:
        await self._mine().people.skip(target, text)

    async def _roll_back(self, target: str, text: str) -> None:
        ended = self._going_back().run.state in ENDED
        walk = self._going_back() if ended else self._mine()
        await walk.people.may_roll_back()
        if ended:
            await walk.hold()
        try:
            if walk.beyond:
                await self._cutting.keep_delta(walk)
            await walk.people.rollback(text)
        except BaseException:  # protects the run: whoever could not begin to take it back must not keep others from it
            await walk.let_go()
            raise
        if ended:
            await walk.drive()

    async def _measure_loss(self, target: str, text: str) -> None:
        """What going back would lose, before it is asked whether to."""
        self._loss = ()
        self._loss = await self._cutting.loss(self._going_back())
        self._show()

    async def _release(self, target: str, text: str) -> None:
        self._mine().people.release()
