"""What every screen of the console shares: header, banner, body, footer, and how it is kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.worker import Worker

from devora_console.core.actions import actions_of
from devora_console.core.clock import span, utc_now
from devora_console.core.console import Verdict
from devora_console.tui.keys import key_of
from devora_console.tui.render.header import banner, lost_servers
from devora_console.tui.render.look import Look
from devora_console.tui.widgets.header import FooterBar, HeaderBar
from devora_console.tui.widgets.line import Line

if TYPE_CHECKING:
    from devora_console.core.actions import Action
    from devora_console.core.problems import Problem
    from devora_console.tui.bridge import Bridge
    from devora_console.tui.ports import Services


class Host(Protocol):
    """The app, as the screens use it."""

    services: Services
    bridge: Bridge
    look: Look
    actions: tuple[Action, ...]
    problem: Problem | None

    def act(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask the services to act; a refusal becomes the banner."""

    def complain(self, problem: Problem | None) -> None:
        """Put a problem into the banner, or take it out."""

    def report(self, event: Worker.StateChanged) -> None:
        """Put the failure of a worker into the banner."""

    def copy(self, text: str, what: str) -> None:
        """Copy the exact text."""

    def export(self, name: str, content: object) -> None:
        """Write a snapshot or a text to a file and show where."""


class ConsoleScreen(Screen[None]):
    """A screen with the common lines. Subclasses give a body, draw it, and say how old its data is."""

    name_of: ClassVar[str] = ""
    """The screen's name in the declaration of actions."""
    place_of: ClassVar[str] = ""
    """The place whose number is marked in the strip."""
    ENABLE_COMMAND_PALETTE = True

    def __init__(self) -> None:
        super().__init__()
        self.frozen = False
        self.frozen_at: datetime | None = None

    @property
    def host(self) -> Host:
        """The app."""
        return cast(Host, self.app)

    @property
    def look(self) -> Look:
        """Signs and styles in use."""
        return self.host.look

    def compose(self) -> ComposeResult:
        """Common lines around the body."""
        yield HeaderBar(self.look, self.place_of)
        yield Line(id="banner", fixed=False)
        yield from self.body()
        yield FooterBar(self.look)

    def body(self) -> ComposeResult:
        """The widgets between banner and footer."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the body from the latest snapshots."""
        raise NotImplementedError

    def stale_since(self, now: datetime) -> datetime | None:
        """The moment the data stopped being fresh, when it did."""
        raise NotImplementedError

    def note(self) -> str:
        """What the strip of screens says about what is shown."""
        return f"{self.look.sign(Verdict.PAUSED)} refresh paused" if self.frozen else ""

    def explain(self) -> Text | None:
        """What is under the cursor, in depth."""
        return None

    def words(self) -> dict[str, str]:
        """Words of actions that depend on the state."""
        return {}

    def can(self, verb: str) -> bool:
        """Whether an action makes sense in the present state."""
        return True

    def go_back(self) -> bool:
        """Undo one step inside the screen (a filter, a view); False when there is none."""
        return False

    # --- keeping up to date -----------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        """Back in view: catch up with what was not drawn meanwhile."""
        self.catch_up()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault in a worker of the screen becomes the banner."""
        self.host.report(event)

    def catch_up(self) -> None:
        """Draw everything anew from the latest snapshots; what is equal is not repainted."""
        if not self.frozen:
            self.draw()
        self.draw_frame()

    def draw_frame(self) -> None:
        """Draw header, banner and footer. They stay live while the body is frozen."""
        now = utc_now()
        services = self.host.services
        header = services.header()
        since = self.frozen_at if self.frozen else self.stale_since(now)
        if since is None and not self.frozen:
            lost = [server.since for server in lost_servers(header)]
            since = min(lost, default=None)
        stale = f"stale {span(max(0.0, (now - since).total_seconds()))}" if since else ""
        actions = self.host.actions
        bar = self.query_one(HeaderBar)
        bar.show(header, self.note(), key_of(actions, "app.help"), stale)
        bar.tick(now)
        words = banner(header, self.host.problem, now, self.look)
        shown = self.query_one("#banner", Line)
        shown.show(words)
        shown.display = bool(words.plain)
        own = actions_of(self.name_of, actions)
        enabled = {action.id: self.check_action(action.verb, ()) is True for action in own}
        self.query_one(FooterBar).offer(own, enabled, self.words())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done: acts while read-only, and what makes no sense now."""
        declared = next((a for a in actions_of(self.name_of, self.host.actions) if a.verb == action), None)
        if declared is None:
            return True
        if declared.changes and self.host.services.read_only:
            return None
        return True if self.can(action) else None

    def freeze(self) -> None:
        """Pause or resume the refresh of this screen."""
        self.frozen = not self.frozen
        self.frozen_at = utc_now() if self.frozen else None
        self.catch_up()
