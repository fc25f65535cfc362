"""Health: cache, bloat, vacuum, wraparound, sequences, sizes, and how the cache and the database went this hour."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical

from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.model import Kind as ActKind
from devora_console.postgres.acts.model import Request
from devora_console.postgres.health.measure import Measured
from devora_console.postgres.health.snapshot import SECTIONS, HealthSnapshot
from devora_console.postgres.watch.ring import Dated
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render import health
from devora_console.tui.render.health_trend import trend_lines, trend_plot
from devora_console.tui.render.numbers import size, whole
from devora_console.tui.screens.acting import ActingScreen
from devora_console.tui.widgets.line import Line

_ABOUT_A_TABLE = re.compile(r"\.(?:table|hot)\.(\d+)$")  # the ids of lines that vacuum or measuring can better
_TALL, _PLOT = 36, 9  # rows of a terminal that has room for a plot, and of the plot
_SECTIONS: tuple[str | None, ...] = (None, *SECTIONS)


class HealthScreen(ActingScreen):
    """The lines of every section, or of one."""

    name_of = "health"
    place_of = "health"
    render_of: ClassVar[Any] = health
    fresh_for = timedelta(minutes=10)
    BINDINGS = screen_bindings("health")

    def __init__(self) -> None:
        super().__init__()
        self._section: str | None = None

    def listed(self) -> ComposeResult:
        """The list with the hour below it."""
        with Vertical(id="left"):
            yield from super().listed()
            yield Line(id="trend-hour", fixed=False)

    def draw(self) -> None:
        """Draw the newest sample, and the hour."""
        super().draw()
        kept, width = self.host.services.health_samples(), self.query_one("#left").size.width
        samples = [each for each in kept if self.at is None or each.as_of <= self.at]
        tall = self.size.height >= _TALL
        drawn = "\n".join(trend_plot(samples, width, _PLOT, self.look)) if tall else ""
        self.query_one("#trend-hour", Line).show(drawn or trend_lines(samples, self.look, width))

    def latest(self) -> Dated | Unknown | Problem | None:
        """The newest sample, one section only if that was asked for."""
        found = super().latest()
        if isinstance(found, HealthSnapshot) and self._section is not None:
            return replace(found, parts={k: part for k, part in found.parts.items() if k == self._section})
        return found

    def nothing(self, found: Any) -> str:
        """A section may have nothing to say."""
        nothing = f" Nothing is known of {self._section}; t lists the next section."
        return super().nothing(found) or (nothing if self._section else "")

    def action_sections(self) -> None:
        """List the next section only."""
        self._section = _SECTIONS[(_SECTIONS.index(self._section) + 1) % len(_SECTIONS)]
        self.draw()
        self.notify(f"listed: {self._section or 'every section'}", markup=False, timeout=2)

    def _table(self) -> int | None:
        """The table that the line under the cursor is about."""
        found = _ABOUT_A_TABLE.search(self.current or "")
        return int(found[1]) if found else None

    def can(self, verb: str) -> bool:
        """A table is measured when the line is about one."""
        if verb in ("measure", "vacuum", "analyze"):
            return self.at is None and self._table() is not None
        return super().can(verb)

    def action_vacuum(self) -> None:
        """Vacuum the table under the cursor, after its preview."""
        self._act(ActKind.VACUUM)

    def action_analyze(self) -> None:
        """Take new statistics of the table under the cursor."""
        self._act(ActKind.ANALYZE)

    def _act(self, kind: ActKind) -> None:
        oid = self._table()
        if oid is not None:
            self.act_on(Request(kind), oid)

    @work(exit_on_error=False, group="measure", exclusive=True, description="measure a table")
    async def action_measure(self) -> None:
        """Measure with pgstattuple_approx."""
        oid = self._table()
        if oid is None:
            return
        self.notify("measuring", markup=False, timeout=3)
        try:
            measuring = self.host.services.measure_table(oid)
            found = await self.host.bridge.ask(measuring, "measure the table", within=130)
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        self.notify(self.look.text(_said(found), 400), markup=False, timeout=12)


def _said(found: Measured | Unknown) -> str:
    if isinstance(found, Unknown):
        return f"not measured: {found.reason}. {found.remedy}"
    return (
        f"{found.schema}.{found.name}: {size(found.bytes)}, {size(found.free)} free for new rows, {size(found.dead)} in"
        f" {whole(found.dead_rows)} dead rows; {found.scanned_percent:.0f} % of it was read"
    )
