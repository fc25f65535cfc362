"""The runbook's gates for the exporter: as the run's journal tells them, or measured, as far as that only reads."""

from __future__ import annotations

import asyncio
import contextlib

from devora_console.analytics.exporter.samples import Cutover
from devora_console.analytics.exporter.samples import Gate as GateSample
from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.gates import Gate, Registry
from devora_console.core.problems import ConsoleError
from devora_console.cutover import gating
from devora_console.cutover.journal import home
from devora_console.cutover.model import GateUse, Runbook
from devora_console.cutover.state import GateStanding, Run
from devora_console.migration.mapping_file import load_mapping
from devora_console.services.cutting import Aim, Cutting
from devora_console.services.exported import cutover_of, gate_of
from devora_console.services.gates import registry
from devora_console.services.showing import Seen, shown

MEASURED = frozenset(
    {
        "migration.dry_run",
        "collections.mapped",
        "verification.fresh",
        "quarantine.empty",
        "schema.drift",
        "constraints.validated",
        "sequences.ahead",
        "statistics.analyzed",
        "monitoring.answers",
    }
)
"""What takes moments and changes nothing. Tests are not run, backups not read and vectors not counted by themselves."""


class Gates:
    """Use it on one loop."""

    def __init__(self, settings: Settings, aim: Aim) -> None:
        self._cutting = Cutting(settings, aim)
        self._settings = settings
        self._environment = settings.environment
        self._standings: dict[str, GateStanding] = {}
        self._known: tuple[str, Registry] | None = None
        self._bare: Registry | None = None

    async def read(self) -> Cutover:
        """What the latest run's journal says, and what was measured here."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Cutover:
        try:
            book, run = self._latest()
        except ConsoleError:  # no runbook that could be walked yet: the data can be asked about all the same
            return Cutover(tuple(map(self._without_runbook, self._data())))
        seen = Seen(
            environment=self._environment,
            runbook=book,
            run=run,
            registry=self._registry(book),
            standings=self._standings,
        )
        return cutover_of(shown(seen))

    def _latest(self) -> tuple[Runbook, Run | None]:
        """The run that is not finished, or else the latest of this environment, with the runbook that it follows."""
        folder = self._cutting.unfinished()
        for each in (folder,) if folder is not None else home.runs(self._cutting.root):
            with contextlib.suppress(ConsoleError):
                opened = self._cutting.look_at(each)
                with contextlib.closing(opened.journal) as journal:
                    run = journal.state()
                if run.environment == self._environment:
                    return opened.runbook, run
        return self._cutting.runbook(), None

    def _data(self) -> tuple[Gate, ...]:
        """The gates about the data, which need no runbook."""
        if self._bare is None:
            self._bare = registry(self._settings, load_mapping(self._settings.migration.mapping))
        return tuple(each for each in self._bare if each.id in MEASURED)

    def _without_runbook(self, gate: Gate) -> GateSample:
        found = gating.lines((GateUse(gate.id),), Registry((gate,)), self._standings, utc_now())[0]
        return gate_of(found)

    def _registry(self, book: Runbook) -> Registry:
        """Made anew for another runbook only."""
        known = self._known
        if known is None or known[0] != book.sha:
            self._known = known = (book.sha, self._cutting.gates(book))
        return known[1]

    async def measure(self) -> int:
        """Measure those of the runbook that only read; how many. What the journal says of a run goes before that."""
        wanted, known = await asyncio.to_thread(self._wanted)
        found = await gating.measure(wanted, known)
        self._standings = {name: gating.standing_of(name, each) for name, each in found.items()}
        return len(found)

    def _wanted(self) -> tuple[tuple[GateUse, ...], Registry]:
        try:
            book, _ = self._latest()
        except ConsoleError:
            data = self._data()
            return tuple(GateUse(each.id) for each in data), Registry(data)
        uses = tuple(each for each in book.gates if each.id in MEASURED and not each.attested)
        return uses, self._registry(book)
