"""Indexes: what is wrong with them, why, how sure that is, and the SQL that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from textual import work

from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.model import Kind as ActKind
from devora_console.postgres.acts.model import Request
from devora_console.postgres.indexes.snapshot import Finding, IndexesSnapshot, Kind, Measurement
from devora_console.postgres.watch.ring import Dated
from devora_console.tui.keys import screen_bindings
from devora_console.tui.render import indexes
from devora_console.tui.render.advice import advice_headline, advice_lines
from devora_console.tui.render.numbers import size
from devora_console.tui.screens.acting import ActingScreen

_KINDS: tuple[Kind | None, ...] = (None, *(each for each in Kind if each is not Kind.KEPT))


class IndexesScreen(ActingScreen):
    """The findings. What must be kept is not sampled: ``devora-console indexes --kept`` lists it."""

    name_of = "indexes"
    place_of = "indexes"
    render_of: ClassVar[Any] = indexes
    fresh_for = timedelta(minutes=10)
    BINDINGS = screen_bindings("indexes")

    def __init__(self) -> None:
        super().__init__()
        self._kind: Kind | None = None

    def latest(self) -> Dated | Unknown | Problem | None:
        """The newest sample, with one kind of finding only if that was asked for."""
        found = super().latest()
        if not isinstance(found, IndexesSnapshot):
            return found
        return found if self._kind is None else replace(found, findings=found.of(self._kind))

    def nothing(self, found: Any) -> str:
        """There may be none of the kind that is listed."""
        none = f"No finding of the kind {self._kind}; t lists the next kind." if self._kind else ""
        return super().nothing(found) or none

    def say(self, found: Any) -> str:
        """The headline; where one kind is listed and there is none, not that there is no finding at all."""
        if self._kind is None or found.findings or isinstance(found.count, Unknown):
            return super().say(found)
        return indexes.not_compared(found)

    def notes(self, found: Any) -> Sequence[str]:
        """What could not be judged, and what was left out."""
        return tuple(found.notes)

    def action_kinds(self) -> None:
        """List the next kind only."""
        self._kind = _KINDS[(_KINDS.index(self._kind) + 1) % len(_KINDS)]
        self.draw()
        self.notify(f"listed: {self._kind or 'every kind'}", markup=False, timeout=2)

    def can(self, verb: str) -> bool:
        """An index is measured when there is one."""
        if verb in ("measure", "drop", "rebuild"):
            finding = self._current() if self.at is None else None
            return finding is not None and finding.oid is not None
        return super().can(verb)

    def _current(self) -> Finding | None:
        found, key = self.snapshot(), self.current
        return indexes.finding_of(found, key) if found is not None and key is not None else None

    def action_drop(self) -> None:
        """Drop the index under the cursor, after its preview."""
        self._act(ActKind.DROP_INDEX)

    def action_rebuild(self) -> None:
        """Build the index under the cursor anew, after its preview."""
        self._act(ActKind.REINDEX)

    def _act(self, kind: ActKind) -> None:
        finding = self._current()
        if finding is not None and finding.oid is not None:
            self.act_on(Request(kind), finding.oid)

    @work(exit_on_error=False, group="suggest", exclusive=True, description="suggest indexes")
    async def action_suggest(self) -> None:
        """Plan slow statements; what they suggest stays in the list."""
        self.notify("planning the slowest statements; nothing is run", markup=False, timeout=3)
        try:
            asking = self.host.services.suggest_indexes()
            found = await self.host.bridge.ask(asking, "suggest indexes", within=130)
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        said = " ".join((advice_headline(found), *advice_lines(found)[:2]))
        self.notify(self.look.text(said, 600), markup=False, timeout=15)

    @work(exit_on_error=False, group="measure", exclusive=True, description="measure an index")
    async def action_measure(self) -> None:
        """Read the whole index."""
        finding = self._current()
        if finding is None or finding.oid is None:
            return
        self.notify(f"measuring {self.look.text(finding.index, 60)}", markup=False, timeout=3)
        try:
            measuring = self.host.services.measure_index(finding.oid)
            found = await self.host.bridge.ask(measuring, "measure the index", within=130)
        except ConsoleError as error:
            self.host.complain(error.problem)
            return
        self.notify(self.look.text(_said(found), 400), markup=False, timeout=12)


def _said(found: Measurement | Unknown) -> str:
    if isinstance(found, Unknown):
        return f"not measured: {found.reason}. {found.remedy}"
    if isinstance(found.leaf_density, Unknown):
        return f"{found.index}: {size(found.size_bytes)}, {found.leaf_density.reason}"
    return (
        f"{found.index}: {size(found.size_bytes)}, leaves {found.leaf_density:.0f} % full (fill factor"
        f" {found.fill_factor:.0f} %), a rebuild would give back about {size(found.reclaimable_bytes)}"
    )
