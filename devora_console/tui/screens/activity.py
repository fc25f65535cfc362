"""Activity: sessions and what they wait for; one key away, who blocks whom."""

from __future__ import annotations

from typing import Any, ClassVar

from devora_console.postgres.activity.read_locks import every
from devora_console.postgres.activity.snapshot import Session
from devora_console.postgres.acts.model import Kind as ActKind
from devora_console.postgres.acts.model import Request
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render import activity, locks
from devora_console.tui.screens.acting import ActingScreen


class _SessionsScreen(ActingScreen):
    """A list of sessions that can be signalled."""

    def session(self) -> Session | None:
        """The session under the cursor."""
        raise NotImplementedError

    def can(self, verb: str) -> bool:
        """A session is signalled when there is one."""
        if verb in ("cancel", "terminate"):
            return self.at is None and self.session() is not None
        return super().can(verb)

    def action_cancel(self) -> None:
        """End the statement of the session, after a preview."""
        self._signal(ActKind.CANCEL)

    def action_terminate(self) -> None:
        """End the session, after a preview."""
        self._signal(ActKind.TERMINATE)

    def _signal(self, kind: ActKind) -> None:
        session = self.session()
        if session is not None:
            statement = session.statement_started if kind is ActKind.CANCEL else None
            self.act_on(Request(kind, str(session.pid), started=session.started, statement=statement))


class ActivityScreen(_SessionsScreen):
    """The sessions."""

    name_of = "activity"
    place_of = "activity"
    render_of: ClassVar[Any] = activity
    BINDINGS = screen_bindings("activity")

    def session(self) -> Session | None:
        """The session under the cursor."""
        found, key = self.snapshot(), self.current
        return next((each for each in found.sessions if str(each.pid) == key), None) if found is not None else None

    def action_locks(self) -> None:
        """Go to the blocking trees."""
        self.app.push_screen(LocksScreen())


class LocksScreen(_SessionsScreen):
    """The blocking trees, roots first."""

    name_of = "locks"
    place_of = "activity"
    render_of: ClassVar[Any] = locks
    BINDINGS = screen_bindings("locks")

    def session(self) -> Session | None:
        """The session under the cursor; a prepared transaction has none."""
        found, key = self.snapshot(), self.current
        nodes = every(found.roots) if found is not None else []
        return next((each.session for each in nodes if each.key == key), None)
