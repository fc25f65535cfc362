"""What the terminal door needs from the rest of the program: a port, and the options of the door itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from devora_console.config.paths import data_dir
from devora_console.core.console import HeaderSnapshot, OverviewSnapshot, Preview
from devora_console.core.loop import ServiceLoop
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.migration.progress import MigrationSnapshot, QuarantineItem
from devora_console.postgres.acts.model import Plan as ActPlan
from devora_console.postgres.acts.model import Request, Result
from devora_console.postgres.health.measure import Measured
from devora_console.postgres.health.snapshot import HealthSample
from devora_console.postgres.indexes.snapshot import IndexesSnapshot, Measurement
from devora_console.postgres.plans.snapshot import Plan
from devora_console.postgres.statements import Statement
from devora_console.postgres.watch.ring import Dated
from devora_console.tui.ports_analytics import AnalyticsPort
from devora_console.tui.ports_search import SearchPort

Kind = Literal[
    "header",
    "overview",
    "migration",
    "queries",
    "indexes",
    "health",
    "activity",
    "locks",
    "search",
    "cutover",
    "analytics",
]


class Services(Protocol):
    """The services as the screens see them.

    The plain methods answer at once from what is known and may be called from any thread. The coroutines run
    on :attr:`loop`; those that act start the work and return, and raise ConsoleError when it is refused.
    """

    @property
    def loop(self) -> ServiceLoop:
        """The loop every coroutine below runs on."""

    @property
    def searching(self) -> SearchPort:
        """What the search screen asks."""

    @property
    def analytics(self) -> AnalyticsPort:
        """What the analytics screen asks."""

    @property
    def environment(self) -> str:
        """The environment as a word, e.g. ``staging``."""

    @property
    def read_only(self) -> bool:
        """Whether every act that changes a server is refused."""

    @property
    def armed(self) -> bool:
        """Whether acts that change a server are allowed, each after its own confirmation."""

    @property
    def profile(self) -> str | None:
        """The profile in use, if any."""

    def header(self) -> HeaderSnapshot:
        """The latest header; never blocks."""

    def overview(self) -> OverviewSnapshot:
        """The latest overview; never blocks."""

    def migration(self) -> MigrationSnapshot:
        """The latest state of the migration; never blocks."""

    def seen(self, kind: str, at: datetime | None = None) -> Dated | Unknown | Problem | None:
        """The newest sample of a kind (``queries``, ``indexes``, ``health``, ``activity``, ``locks``, ``embedded``), or
        what is in its way.

        None before the first look. With ``at``, what was kept last before that moment of the last hour, None where that
        is forgotten. Never blocks.
        """

    def moments(self, kind: str) -> tuple[datetime, ...]:
        """What is kept of the last hour of a kind, oldest first; never blocks."""

    def health_samples(self) -> tuple[HealthSample, ...]:
        """The counters of the last hour, for plots; never blocks."""

    def cutover(self) -> CutoverSnapshot:
        """The latest state of the cutover; never blocks."""

    def subscribe(self, wake: Callable[[str], None]) -> Callable[[], None]:
        """Have ``wake(kind)`` called, from the service thread, when a newer snapshot exists; gives the way
        out.

        ``wake`` returns at once: the services never wait for a screen.
        """

    async def start_watching(self) -> None:
        """Begin to connect and to sample."""

    async def stop(self) -> None:
        """End everything: runs stop resumably, connections close."""

    async def look(self, kind: str) -> None:
        """Sample a kind now."""

    async def plan(self, statement: Statement) -> Plan | Unknown:
        """The plan of a listed statement; it is not run."""

    async def measure_table(self, oid: int) -> Measured | Unknown:
        """The bloat of one table, measured."""

    async def suggest_indexes(self) -> IndexesSnapshot:
        """The indexes that slow statements ask for; plans some of them."""

    async def measure_index(self, oid: int) -> Measurement | Unknown:
        """The bloat of one index, measured."""

    def act_progress(self) -> str:
        """What the act under way is doing, empty while there is none; never blocks."""

    async def prepare_act(self, request: Request, oid: int | None = None) -> ActPlan:
        """Check an act on the server and preview it; ``oid`` instead of the object's name."""

    async def perform_act(self, plan: ActPlan, typed: str) -> Result:
        """Do it, with what the person typed to confirm, and verify it."""

    async def dry_run(self) -> None:
        """Start a dry run."""

    async def execute(self, typed: str, prune: bool = False) -> None:
        """Start (or continue) the copy; ``typed`` is what the person typed to confirm."""

    async def verify(self) -> None:
        """Start a verification."""

    async def pause(self) -> None:
        """Pause the run after the batches in flight."""

    async def resume(self) -> None:
        """Let a paused run go on."""

    async def throttle(self, rows_per_second: float | None, workers: int | None, batch_bytes: int | None) -> None:
        """Change what is wanted of the running execution; None lifts a limit or leaves it to the console."""

    async def stop_migration(self) -> None:
        """Stop the run; it can be continued later."""

    async def quarantine(self, limit: int = 500) -> tuple[QuarantineItem, ...]:
        """The first ``limit`` unresolved items."""

    async def quarantine_document(self, collection: str, source_id: str) -> str:
        """One quarantined document as indented Extended JSON, secrets redacted."""

    async def cutover_act(self, verb: str, target: str = "", text: str = "") -> None:
        """Do in the cutover what a person asked for; the verbs are those of ``services.walking``."""

    async def cutover_output(self, step: str) -> tuple[str, ...]:
        """The end of what the latest attempt at a step printed, fit to be shown."""

    def execute_preview(self) -> Preview:
        """What ``execute`` would do and what has to be typed; never blocks."""

    def as_command(self, action: str) -> str:
        """A command line equal to ``dry_run``, ``execute``, ``verify`` or ``quarantine``; else of a subcommand."""


@dataclass(frozen=True, slots=True)
class TuiOptions:
    """How the door looks and answers: settings, not state.

    ``unicode``: signs beyond ASCII always, never, or by the locale. ``theme``: a name from ``themes.THEMES``.
    ``mouse`` off leaves selection to the terminal. ``keymap``: action id to key. ``export_dir``: where
    exports go. ``start``: the id of the place that is shown first.
    """

    unicode: Literal["auto", "always", "never"] = "auto"
    theme: str = "devora"
    mouse: bool = False
    keymap: Mapping[str, str] = field(default_factory=dict)
    export_dir: Path | None = None
    start: str = "overview"

    def wants_unicode(self, environ: Mapping[str, str] = os.environ) -> bool:
        """Whether signs beyond ASCII are used."""
        if self.unicode != "auto":
            return self.unicode == "always"
        # Python turns an unset or C locale into LC_CTYPE=C.UTF-8 for itself; what the terminal has is in LANG
        # then.
        ctype = environ.get("LC_CTYPE", "")
        chosen = environ.get("LC_ALL") or ("" if ctype == "C.UTF-8" else ctype) or environ.get("LANG", "")
        return chosen.upper().replace("-", "").endswith("UTF8")

    def exports(self) -> Path:
        """The folder exports are written to."""
        return self.export_dir or data_dir() / "exports"
