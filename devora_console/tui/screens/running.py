"""The acts on a run: start, pause, throttle and stop it, each with the question that belongs to it."""

from __future__ import annotations

from textual import work

from devora_console.core.console import Preview
from devora_console.core.problems import ConsoleError
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.cutover.state import ENDED
from devora_console.migration.progress import Kind, MigrationSnapshot, State, Wishes
from devora_console.tui.render.headline import NAMES
from devora_console.tui.render.phases import aside, progress
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.throttle import ThrottleScreen

ACTIVE = frozenset({State.RUNNING, State.PAUSED, State.STOPPING})
_GOING = frozenset({State.RUNNING, State.PAUSED})


def is_active(snapshot: MigrationSnapshot) -> bool:
    """Whether a run is under way, going or paused."""
    return snapshot.kind is not None and snapshot.state in ACTIVE


def is_paused(snapshot: MigrationSnapshot) -> bool:
    """Whether the run waits, or will once what is in flight is done; whoever has asked for it."""
    wanted = snapshot.wishes is not None and snapshot.wishes.paused
    return snapshot.state is State.PAUSED or (snapshot.state is State.RUNNING and wanted)


def stop_question(title: str, snapshot: MigrationSnapshot) -> Preview:
    """The question before a run is stopped, with what that leaves behind."""
    name = NAMES[snapshot.kind].lower() if snapshot.kind else "run"
    where = f" at {progress(snapshot)}" if progress(snapshot) else ""
    words = f"The {name} ends{where}, after what is in flight. What is written stays."
    if aside(snapshot):
        words += " Indexes and keys that are set aside come back only when it is executed again."
    return Preview(title=title, consequence=words, locks="", sql="", command="", type_name="")


def leave_question(snapshot: MigrationSnapshot, cutover: CutoverSnapshot, act: str) -> Preview | None:
    """The question before the console is left, when that stops something or leaves it without a driver. ``act``: what
    an act on the server is doing, empty while there is none.
    """
    if is_active(snapshot):
        return stop_question("Quit while a run is active", snapshot)
    if act:
        words = (
            f"This console is at an act on the server: {act}. Quitting cancels it; what an index act leaves behind is "
            "listed by: devora-console indexes --invalid. The act's end is in: devora-console act log."
        )
        return Preview(title="Quit during an act", consequence=words, locks="", sql="", command="", type_name="")
    run = cutover.run
    if not cutover.driving or run is None or run.state in ENDED:
        return None
    words = (
        f"This console drives the cutover, which is {run.state.value}. A step in flight goes on to its end; nothing "
        "further is started, and no probe is asked, until somebody takes the run up again (D)."
    )
    return Preview(title="Quit while driving a cutover", consequence=words, locks="", sql="", command="", type_name="")


class RunScreen(ConsoleScreen):
    """A screen that acts on the run it shows."""

    @property
    def snapshot(self) -> MigrationSnapshot:
        """The latest snapshot."""
        return self.host.services.migration()

    def words(self) -> dict[str, str]:
        """P pauses or resumes."""
        return {"migration.pause_run": "resume"} if is_paused(self.snapshot) else {}

    def can(self, verb: str) -> bool:
        """What makes sense in the present state of the run."""
        snapshot = self.snapshot
        active = is_active(snapshot)
        match verb:
            case "dry_run" | "execute" | "verify":
                return not active
            case "pause_run":
                return active and snapshot.state in _GOING
            case "throttle":
                return snapshot.kind is Kind.EXECUTE and snapshot.state in _GOING
            case "stop_run":
                return active and snapshot.state is not State.STOPPING
            case _:
                return True

    def action_dry_run(self) -> None:
        """Convert every document, write nothing."""
        self.host.act("dry run", self.host.services.dry_run)

    def action_verify(self) -> None:
        """Compare source and target."""
        self.host.act("verify", self.host.services.verify)

    def action_pause_run(self) -> None:
        """Pause, or resume."""
        services = self.host.services
        paused = is_paused(self.snapshot)
        self.host.act("resume" if paused else "pause", services.resume if paused else services.pause)

    @work(exit_on_error=False, group="confirm", exclusive=True, description="throttle")
    async def action_throttle(self) -> None:
        """Ask for the limits, then set them."""
        wanted = await self.app.push_screen_wait(ThrottleScreen(self.snapshot.wishes or Wishes(), self.look))
        if wanted is not None:
            services = self.host.services
            rows, workers, batch = wanted.rows_per_second, wanted.workers, wanted.batch_bytes
            self.host.act("throttle", lambda: services.throttle(rows, workers, batch))

    @work(exit_on_error=False, group="confirm", exclusive=True, description="confirm execute")
    async def action_execute(self) -> None:
        """Preview the copy, have its name typed, start it."""
        services = self.host.services
        try:
            preview = services.execute_preview()
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        typed = await self.app.push_screen_wait(ConfirmScreen(preview, self.look, "Execute"))
        if typed is not None:
            self.host.act("execute", lambda: services.execute(typed))

    @work(exit_on_error=False, group="confirm", exclusive=True, description="confirm stop")
    async def action_stop_run(self) -> None:
        """Ask, then stop the run."""
        snapshot = self.snapshot
        name = NAMES[snapshot.kind].lower() if snapshot.kind else "run"
        asking = ConfirmScreen(stop_question(f"Stop the {name}", snapshot), self.look, "Stop")
        if await self.app.push_screen_wait(asking) is not None:
            self.host.act("stop", self.host.services.stop_migration)
