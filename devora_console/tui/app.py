"""The terminal door: the app shell, and :func:`run`, its entry."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, ClassVar, cast

from rich.segment import Segments
from rich.text import Text
from textual import work
from textual.app import App
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from devora_console.config import crash
from devora_console.core.actions import PLACES, actions_of, with_keymap
from devora_console.core.clock import utc_now
from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.tui.bridge import Bridge, Wake
from devora_console.tui.export import to_tmux, write_export
from devora_console.tui.hangup import Watchdog
from devora_console.tui.keys import app_bindings, textual_keymap
from devora_console.tui.palette import ActionProvider
from devora_console.tui.ports import Services, TuiOptions
from devora_console.tui.screens.activity import ActivityScreen
from devora_console.tui.screens.analytics import AnalyticsScreen
from devora_console.tui.screens.base import ConsoleScreen
from devora_console.tui.screens.confirm import ConfirmScreen
from devora_console.tui.screens.cutover import CutoverScreen
from devora_console.tui.screens.health import HealthScreen
from devora_console.tui.screens.help import HelpScreen, keys_text
from devora_console.tui.screens.indexes import IndexesScreen
from devora_console.tui.screens.migration import MigrationScreen
from devora_console.tui.screens.overview import OverviewScreen
from devora_console.tui.screens.queries import QueriesScreen
from devora_console.tui.screens.running import leave_question
from devora_console.tui.screens.search import SearchScreen
from devora_console.tui.themes import THEMES, look_of, skin_of

SCREENS: Mapping[str, Callable[[], Screen[Any]]] = {
    "overview": OverviewScreen,
    "migration": MigrationScreen,
    "queries": QueriesScreen,
    "indexes": IndexesScreen,
    "health": HealthScreen,
    "activity": ActivityScreen,
    "search": SearchScreen,
    "cutover": CutoverScreen,
    "analytics": AnalyticsScreen,
}
"""The screen of every place."""
_ONLY = ({"cutover"}, {"search"}, {"analytics"})
"""Kinds that come often, and concern the screens of one place only."""


class DevoraApp(App[int], inherit_bindings=False):
    """Screens over services it knows only by their port. Its return value is the exit code."""

    TITLE = "Devora Console"
    CSS_PATH = "console.tcss"
    MODES: ClassVar[Any] = dict(SCREENS)
    COMMANDS: ClassVar[Any] = {ActionProvider}
    BINDINGS: ClassVar[list[BindingType]] = app_bindings()
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide")]  # noqa: RUF012  (declared an instance variable by Textual)
    ENABLE_COMMAND_PALETTE = True

    def __init__(self, services: Services, options: TuiOptions | None = None) -> None:
        options = options or TuiOptions()
        self.actions = with_keymap(options.keymap)
        self._skin_name = options.theme
        skin_of(options.theme, no_color=False)
        super().__init__(ansi_color=THEMES[options.theme].theme.ansi or None)
        skin = skin_of(options.theme, self.no_color)
        self.services, self.options = services, options
        self.bridge = Bridge(services, self.post_message)
        self.look = look_of(skin, options.wants_unicode())
        self.problem: Problem | None = None
        for known in THEMES.values():
            self.register_theme(known.theme)
        self.theme = skin.theme.name
        self.animation_level = "none"
        self.set_keymap(textual_keymap(dict(options.keymap)))
        self.set_class(not self.look.unicode, "-ascii")

    # --- the course of things ---------------------------------------------------------------------

    async def on_mount(self) -> None:
        """Show the first screen, then listen to the services."""
        await self.switch_mode(self.options.start)
        self.bridge.open()
        self.set_interval(1.0, self._tick)

    def on_ready(self) -> None:
        """After the first paint: connect."""
        self.act("start watching", self.services.start_watching)

    def on_unmount(self) -> None:
        """Listen no more."""
        self.bridge.close()

    def on_wake(self, message: Wake) -> None:
        """Newer snapshots: draw the screen in view; the others catch up when they are resumed."""
        kinds = self.bridge.take()
        screen = self._in_view()
        if screen is not None and (kinds not in _ONLY or screen.place_of in kinds):
            screen.catch_up()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault in one of our own workers is a banner, not a silence."""
        self.report(event)

    def report(self, event: Worker.StateChanged) -> None:
        """Put the failure of a worker into the banner; by its type only, its words may hold what must not show."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and isinstance(error, Exception):
            self.complain(crash.report(error).problem)

    def _tick(self) -> None:
        screen = self._in_view()
        if screen is not None:
            screen.draw_frame()

    def _in_view(self) -> ConsoleScreen | None:
        """The console screen to be seen, under a dialog too: nobody can tell that what stands there is old."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, ConsoleScreen):
                return screen if screen.is_mounted and screen.query("#banner") else None
        return None

    # --- what screens ask of the app --------------------------------------------------------------

    def act(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask the services to act; a refusal becomes the banner. Never tried a second time."""
        self.complain(None)
        self.run_worker(self._act(what, work), group="acts", exit_on_error=False, description=what)

    async def _act(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await self.bridge.ask(work(), what, abandon=False)
        except ConsoleError as error:
            self.complain(error.problem)

    def complain(self, problem: Problem | None) -> None:
        """Put a problem into the banner, or take it out."""
        self.problem = problem
        self._tick()

    @work(exit_on_error=False, group="copy", description="copy")
    async def copy(self, text: str, what: str) -> None:
        """Copy the exact text, and say what was copied."""
        self.copy_to_clipboard(text)
        await to_tmux(text)
        shown = self.look.fit(self.look.text(text, 400), 160)
        self.notify(f"copied {what}: {shown}", markup=False, timeout=4)

    @work(exit_on_error=False, group="export", description="export")
    async def export(self, name: str, content: object) -> None:
        """Write a snapshot or a text to a file and say where."""
        try:
            path = await asyncio.to_thread(write_export, self.options.exports(), name, content, utc_now())
        except ConsoleError as error:
            self.complain(error.problem)
        else:
            self.notify(f"written: {self.look.text(str(path), 400)}", markup=False, timeout=8)

    # --- general actions --------------------------------------------------------------------------

    async def action_go(self, place: str) -> None:
        """Go to a place."""
        if place in SCREENS and place != self.current_mode:
            await self.switch_mode(place)

    def action_freeze(self) -> None:
        """Pause or resume the refresh of the screen in view."""
        if isinstance(self.screen, ConsoleScreen):
            self.screen.freeze()

    async def action_back(self) -> None:
        """Close the message, undo a step inside the screen, or leave a sub-screen."""
        if self.problem is not None:
            self.complain(None)
            return
        if isinstance(self.screen, ConsoleScreen) and self.screen.go_back():
            return
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_palette(self) -> None:
        """Open the palette."""
        self.action_command_palette()

    def action_command_palette(self) -> None:
        """Open the palette, with words every terminal can show."""
        if not CommandPalette.is_open(cast(App[object], self)):
            self.push_screen(CommandPalette(id="--command-palette", placeholder="Find an action"))

    def action_help(self) -> None:
        """Explain what is under the cursor, and list the keys."""
        screen = self.screen
        if not isinstance(screen, ConsoleScreen):
            return
        words = Text(end="")
        explained = screen.explain()
        if explained is not None:
            words.append_text(explained)
            words.append("\n\n")
        own = actions_of(screen.name_of, self.actions)
        usable = {action.id: screen.check_action(action.verb, ()) is True for action in own}
        words.append_text(keys_text(own, PLACES, usable, self.look))
        words.append(" " + "   ".join(self.look.state(verdict) for verdict in Verdict if verdict != "none"))
        title = next(place.title for place in PLACES if place.id == screen.place_of)
        self.push_screen(HelpScreen(f"{title}: help", words, "Esc closes, arrows scroll"))

    async def action_quit(self) -> None:
        """End, after a question while a run or an act is active."""
        self._quit()

    @work(exit_on_error=False, group="confirm", exclusive=True, description="quit")
    async def _quit(self) -> None:
        services = self.services
        question = leave_question(services.migration(), services.cutover(), services.act_progress())
        if question is not None and await self.push_screen_wait(ConfirmScreen(question, self.look, "Quit")) is None:
            return
        self.exit(int(ExitCode.DONE))

    # --- crashing without giving secrets away -----------------------------------------------------

    def _fatal_error(self) -> None:
        # Textual would print the locals of every frame. Places and types go to a private file, one line to the person.
        error = sys.exception()
        told = crash.report(error if isinstance(error, Exception) else RuntimeError())
        words = f"devora-console: {told.problem}\nWhat was written to a server is kept.\n"
        shown = self.console.render(Text(words), self.console.options)
        self._exit_renderables.append(Segments(list(shown)))
        self._close_messages_no_wait()


def run(services: Services, options: TuiOptions | None = None) -> int:
    """Show the console until the person leaves, stop the services, give the exit code.

    Main thread only. Raises ConsoleError for an unusable option; the services are not started then.
    """
    options = options or TuiOptions()
    app = DevoraApp(services, options)
    watchdog = Watchdog(
        sys.stdin.fileno(),
        quieten=partial(_quieten, app),
        leave=partial(_leave, app),
        close=partial(_stop, services),
    )
    watchdog.start()
    try:
        result = app.run(mouse=options.mouse)
        _stop(services, 2.0 if watchdog.asked else 10.0)
    finally:
        watchdog.end()
    if watchdog.asked is not None:
        return watchdog.asked
    return result if result is not None else app.return_code or int(ExitCode.DONE)


def _leave(app: DevoraApp, code: int) -> None:
    loop = app._loop
    if loop is None:
        return
    with contextlib.suppress(RuntimeError):  # the loop has ended already, which is what was wanted
        loop.call_soon_threadsafe(partial(app.exit, code, return_code=code))


def _quieten(app: DevoraApp) -> None:
    # Textual's reader asks a dead terminal again and again, at the cost of a core; its own flag ends it.
    ended = getattr(app._driver, "exit_event", None)
    if ended is not None:
        ended.set()


def _stop(services: Services, seconds: float) -> None:
    # The person has left: nothing that fails here may keep the process.
    with contextlib.suppress(ConsoleError, TimeoutError, RuntimeError):
        services.loop.call(services.stop(), seconds)
