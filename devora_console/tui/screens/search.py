"""Search: one query, every method's answer side by side; who asks, how, and what each answer stands on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, VerticalScroll
from textual.events import Resize
from textual.timer import Timer
from textual.widgets import Input

from devora_console.core.clock import utc_now
from devora_console.core.safetext import safe
from devora_console.search.model import Asked, Method
from devora_console.tui.keys import screen_bindings
from devora_console.tui.ports_search import SearchPort
from devora_console.tui.render.search_command import command_of
from devora_console.tui.render.search_depth import hit_depth
from devora_console.tui.render.search_hits import hits_lines
from devora_console.tui.render.search_lines import (
    context_line,
    embedded_line,
    knob_line,
    notes_lines,
)
from devora_console.tui.render.search_words import BEFORE, View, headline
from devora_console.tui.screens.search_moving import Moving
from devora_console.tui.widgets.headline import Headline
from devora_console.tui.widgets.line import Line
from devora_console.tui.widgets.page import Page
from devora_console.tui.widgets.search import Hits, KnobBar

_PAUSE, _LEAST_PAUSE = 0.03, 0.015
"""Seconds without a key before it is searched: as long as the server needs for an answer, within these limits."""
_SLOW = 0.4  # seconds after which it is said that an ask is under way
_LONGEST = 12_000


class SearchScreen(Moving):
    """The playground."""

    name_of = "search"
    place_of = "search"
    # The key that begins typing comes first of all: what is typed right behind it belongs to the query.
    BINDINGS: ClassVar[list[BindingType]] = [
        replace(each, priority=True) if isinstance(each, Binding) and each.id == "search.type" else each
        for each in screen_bindings("search")
    ]
    AUTO_FOCUS = "#hits"

    def __init__(self) -> None:
        super().__init__()
        self.asked: Asked | None = None
        self.person = ""
        self._pause: Timer | None = None

    def body(self) -> ComposeResult:
        """Headline, query, who asks, knobs, hits with what is looked at closer, notes, embeddings."""
        yield Headline(self.look)
        with Horizontal(id="query-line"):
            yield Line(id="query-sign")
            yield Input(id="query", select_on_focus=False, compact=True, max_length=_LONGEST)
        yield Line(id="context")
        yield KnobBar(id="knobs")
        with Container(id="closer"):
            yield Hits(id="hits")
            with VerticalScroll(id="beside"):
                yield Line(id="beside-text", fixed=False)
        yield Page(id="notes")
        yield Line(id="embedded")

    def on_mount(self) -> None:
        """Get ready while the person types."""
        self.query_one("#query-sign", Line).show(" / ")
        self.host.bridge.start(self.port.open())
        self.read_grades()

    def on_screen_resume(self) -> None:
        """Count again what is embedded: it may have been brought up to date meanwhile."""
        self.host.bridge.start(self.host.services.look("embedded"))
        super().on_screen_resume()

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def port(self) -> SearchPort:
        """The services of searching."""
        return self.host.services.searching

    @property
    def wanted(self) -> Asked:
        """What is wanted now, in the person's words."""
        if self.asked is None:
            self.asked = self.port.first
        return self.asked

    @property
    def wide(self) -> bool:
        """Whether there is room for the methods side by side."""
        return self.size.width >= 112

    @property
    def view(self) -> View:
        """All that is drawn from."""
        shown = self.method if self.wide else (self.method or self.alone)
        if shown is None and self.beside_open:
            shown = self.column  # beside something else there is no room for four
        return View(
            self.port.seen, self.wanted, self.person, shown, self.baseline, shown or self.column, self.at, self.grades()
        )

    def draw(self) -> None:
        """Draw from the latest answers."""
        view, look = self.view, self.look
        at = self._within(view)
        if at != self.at:
            self.at, view = at, replace(view, at=at)
        width = self.size.width
        self.query_one("#headline", Line).show(look.text(headline(view, look), 600))
        self.query_one("#context", Line).show(context_line(view, look, width))
        turning = self.query_one(KnobBar).has_focus
        self.query_one(KnobBar).show(knob_line(view.asked, look, width, self.knob if turning else None))
        hits, notes = self.query_one(Hits), self.query_one("#notes", Page)
        hits.show(hits_lines(view, look, hits.size.width, hits.size.height))
        notes.show(notes_lines(view, look, notes.size.width)[: notes.size.height])
        found = look.fit(embedded_line(self.host.services.seen("embedded"), look, utc_now()), width - 2)
        self.query_one("#embedded", Line).show(Text(f" {found}", style=look.muted))
        self.draw_beside()

    def _within(self, view: View) -> int:
        answer = view.snapshot.methods.get(view.column) if view.snapshot else None
        return max(0, min(self.at, len(answer.hits) - 1)) if answer is not None else 0

    def stale_since(self, now: datetime) -> datetime | None:
        """Answers are as of their ask; one that hangs is old."""
        seen = self.port.seen
        return seen.since if seen.since is not None and (now - seen.since).total_seconds() > 2 else None

    def explain(self) -> Text | None:
        """The hit under the cursor, in depth, and what the notes say."""
        out = hit_depth(self.view, self.look) or Text(end="")
        for line in notes_lines(self.view, self.look, 400):
            out.append("\n" + line.plain.strip())
        return out if out.plain.strip() else None

    def can(self, verb: str) -> bool:
        """What needs an answer, or a hit, needs one."""
        view = self.view
        if verb == "type":
            return not self.query_one("#query", Input).has_focus
        if verb in ("open", "judge", "copy"):
            return view.hit is not None
        if verb in ("plan", "sql", "exact", "export", "end"):
            return view.snapshot is not None if verb != "end" else view.seen.asking is not None
        return bool(self.wanted.text.strip()) if verb in ("rag", "copy_command") else True

    def go_back(self) -> bool:
        """Out of the query or the knobs, then close what is looked at closer, then end the ask that runs."""
        if not self.query_one(Hits).has_focus and not self.query_one("#beside").has_focus:
            self.query_one(Hits).focus()
            return True
        if self.close_beside():
            return True
        if self.port.seen.asking is not None:
            self.host.bridge.start(self.port.end())
            return True
        return False

    def on_resize(self, event: Resize) -> None:
        """Another room."""
        self.call_after_refresh(self.catch_up)

    def on_descendant_focus(self) -> None:
        """The chosen knob shows only while it can be turned."""
        self.call_after_refresh(self.catch_up)

    # --- asking -----------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search after a pause in typing."""
        clean = safe(event.value, _LONGEST)
        if clean != event.value:  # what is pasted may hold what steers a terminal
            event.input.value = clean
            return
        if self._pause is not None:
            self._pause.stop()
        shown = self.port.seen.snapshot
        took = max((each.took_ms for each in shown.methods.values()), default=0.0) / 1000 if shown else 0.0
        self._pause = self.set_timer(min(_PAUSE, max(_LEAST_PAUSE, took)), self.search)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the query, go to the hits."""
        if self._pause is not None:
            self._pause.stop()
        if self.query_one("#query", Input).value != self.wanted.text:
            self.search()
        self.query_one(Hits).focus()

    def search(self, changed: Asked | None = None) -> None:
        """Ask what is typed, as it is wanted now."""
        before = self.wanted
        self.asked = replace(changed or before, text=self.query_one("#query", Input).value)
        if self.asked.text != before.text:
            self.at = 0
            self.close_beside()
            if self.baseline == BEFORE:
                self.baseline = Method.FTS.value
        asked = self.asked
        if not asked.text.strip():
            self.host.bridge.start(self.port.forget())
            self.catch_up()
            return
        if self.port.seen.problem is not None:
            self.catch_up()
        self.host.bridge.start(self.port.ask(asked))
        self.set_timer(_SLOW, self.catch_up)

    def ask_differently(self, changed: Asked) -> None:
        """The same text, asked in another way; what changed shows against the answer before."""
        if self.wanted.text.strip() and changed.knobs != self.wanted.knobs:
            self.baseline = BEFORE
        self.search(changed)
        self.catch_up()

    def action_type(self) -> None:
        """Type a query."""
        self.set_focus(self.query_one("#query", Input))

    def action_to_hits(self) -> None:
        """Go to the hits."""
        self.query_one(Hits).focus()

    # --- taking away ------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """Copy the hit under the cursor, exactly."""
        hit = self.view.hit
        if hit is not None:
            self.host.copy(f"{hit.entity_type}/{hit.entity_id} {hit.title}".rstrip(), "hit")

    def action_copy_command(self) -> None:
        """Copy the command line that asks the same."""
        self.host.copy(self.host.services.as_command(command_of(self.wanted, self.port.first.knobs)), "command")

    def action_export(self) -> None:
        """Write every answer to a file."""
        if self.port.seen.snapshot is not None:
            self.host.export("search", self.port.seen.snapshot)
