"""The cutover of these settings: its runbook, its gates, its runs, and the one that this console looks at or drives."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from devora_console.config.settings import Settings
from devora_console.core.clock import utc_now
from devora_console.core.gates import Registry
from devora_console.core.problems import ConsoleError, refused
from devora_console.core.unknown import Unknown
from devora_console.cutover.journal import home
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.model import Runbook
from devora_console.cutover.opening import Intent, Opened, has_ended, open_new, runbook_of, take_up
from devora_console.cutover.outbox import Delivery
from devora_console.cutover.state import ENDED, Run, RunMode, RunState
from devora_console.cutover.undo import after_the_end
from devora_console.cutover.walk import Means, Walk
from devora_console.migration.mapping_file import load_mapping
from devora_console.postgres.target import Target
from devora_console.postgres.target_lease import TargetLease
from devora_console.services import plan_b, scratch_target
from devora_console.services.gates import Rehearsals, registry
from devora_console.services.told import sinks, told

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Aim:
    """What a console was told to walk. ``who`` acts, and ``source`` says how that is known."""

    intent: Intent
    who: str
    source: str


def person() -> str:
    """Who is at this console, as the system knows it; behind sudo, who called it."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # an account that has no name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


class Cutting:
    """Finds, opens and takes up runs. Raises ConsoleError."""

    def __init__(self, settings: Settings, aim: Aim) -> None:
        self._settings = settings
        self._aim = aim

    @property
    def root(self) -> Path:
        """The folder of runs."""
        return home.home(self._settings.cutover.home)

    def runbook(self) -> Runbook:
        """The runbook as its file stands now."""
        return self._aim.intent.load()

    def runs(self) -> Iterable[Run]:
        """Every run that is known here, the latest first. One that cannot be read is left out."""
        for folder in home.runs(self.root):
            with contextlib.suppress(ConsoleError), Journal.watch(folder) as journal:
                yield journal.state()

    def unfinished(self, mode: RunMode | None = None) -> Path | None:
        """The run of this environment that has not ended: one that has begun before drafts, the latest of those. With
        ``mode``, a draft of the other mode does not count.
        """
        drafts: list[Path] = []
        for folder in home.runs(self.root):
            with contextlib.suppress(ConsoleError), Journal.watch(folder) as journal:
                run = journal.state()
                if run.state in ENDED or run.environment != self._settings.environment:
                    continue
                if run.state is not RunState.DRAFT:
                    return folder
                if mode is None or run.mode is mode:
                    drafts.append(folder)
        return drafts[0] if drafts else None

    def under_way(self, runbook: Runbook) -> Run | None:
        """The run of this very file that has begun in this environment and not ended; None when there is none."""
        folder = self.unfinished()
        if folder is None:
            return None
        with Journal.watch(folder) as journal:
            run = journal.state()
        return run if run.state is not RunState.DRAFT and run.sha == runbook.sha else None

    def done_last(self, runbook: Runbook) -> Path | None:
        """The latest real run of this environment, if it is done and of this very file: it may be taken back still."""
        for folder in home.runs(self.root):
            with contextlib.suppress(ConsoleError), Journal.watch(folder) as journal:
                run = journal.state()
                real = run.mode is RunMode.REAL and run.environment == self._settings.environment
                if real and run.state is not RunState.ABORTED:
                    return folder if after_the_end(run, runbook) and run.sha == runbook.sha else None
        return None

    def _begun_beside(self, folder: Path) -> str:
        """Another run of this environment that has begun and not ended, in words; empty when there is none."""
        other = self.unfinished()
        if other is None or other == folder:
            return ""
        with Journal.watch(other) as journal:
            state = journal.state().state
        return "" if state is RunState.DRAFT else f"run {other.name} of this environment is {state.value}"

    def find(self, text: str = "") -> Path:
        """A run by its id or its last letters; the latest by default."""
        return home.find(self.root, text)

    def gates(self, runbook: Runbook, settings: Settings | None = None) -> Registry:
        """What can be measured, for this runbook."""
        used = settings or self._settings
        mapping = load_mapping(used.migration.mapping)
        return registry(used, mapping, rehearsals=Rehearsals(runbook, self.runs))

    def window_end(self, runbook: Runbook, now: datetime) -> datetime:
        """When the window ends, if a run began now."""
        return now + timedelta(minutes=self._settings.cutover.window_minutes or runbook.window_minutes)

    # --- opening ------------------------------------------------------------------------------------

    def open(self, mode: RunMode, *, window_ends: datetime | None = None) -> Opened:
        """A new run. Raises ConsoleError (exit 4) while another of this environment is unfinished, or being opened."""
        home.prepare(self.root)
        with home.opening(self.root):
            return self._open(mode, window_ends)

    def _open(self, mode: RunMode, window_ends: datetime | None) -> Opened:
        other = self.unfinished(mode)
        if other is not None:
            with Journal.watch(other) as journal:
                driver, by = journal.driver(), journal.events()[0].actor
            raise refused(
                "cutover_unfinished",
                f"run {other.name} is not finished; {f'{driver} drives this run' if driver else f'{by} opened it'}",
                "Take it up (cutover run --resume), or end it (cutover rollback)",
            )
        intent = self._aim.intent
        ends = window_ends or self.window_end(intent.load(), utc_now())
        return open_new(
            self.root,
            intent,
            mode=mode,
            targets=self._targets(),
            window_ends=ends,
            actor=self._aim.who,
            secrets=self._settings.secrets(),
            git=_git(intent),
        )

    def take_up(self, folder: Path) -> Opened:
        """A run that was opened before."""
        return take_up(folder, self._aim.intent.given, actor=self._aim.who, secrets=self._settings.secrets())

    def told(self, opened: Opened) -> tuple[Delivery, ...]:
        """How far others were told of a run."""
        return told(self._settings, opened.journal.state(), opened.runbook, opened.journal.events())

    def look_at(self, folder: Path) -> Opened:
        """A run to look at: nothing of it can be changed from here."""
        journal = Journal.watch(folder)
        run = journal.state()
        return Opened(journal, folder, runbook_of(run, self._aim.intent.given, folder))

    def _targets(self) -> Mapping[str, str]:
        postgres, mongo = self._settings.postgres, self._settings.mongo
        found = {"mongo": f"database {mongo.database}"}
        with contextlib.suppress(ConsoleError):
            found["postgres"] = f"database {Target(postgres).database()}"
        return found

    # --- walking ------------------------------------------------------------------------------------

    async def prepare(self, run: Run) -> None:
        """Before a run is driven: a rehearsal's scratch target is made, if it is not there."""
        if run.mode is RunMode.REHEARSAL:
            await scratch_target.make(
                self._settings.postgres, run.id, self.root, lambda each: has_ended(self.root, each)
            )

    def walk(self, opened: Opened, changed: Callable[[], None], *, without_lease: str = "") -> Walk:
        """The run in this console's hand, to be looked at and, once it is prepared, driven. ``without_lease``: the
        reason to go on while the target cannot be asked for the lease.
        """
        run = opened.journal.state()
        settings, environ = self._settings, dict(os.environ)
        if run.mode is RunMode.REHEARSAL:
            name = scratch_target.name_for(run.id)
            settings = settings.model_copy(update={"postgres": scratch_target.settings_for(settings.postgres, name)})
            assert settings.postgres.dsn is not None
            environ["POSTGRES_DSN"] = settings.postgres.dsn.reveal()
            opened = replace(opened, runbook=self._aimed_at(opened, run, name))
        lease = TargetLease(Target(settings.postgres), f"{self._aim.who}, {run.id}", run.id)
        lease.override = without_lease
        means = Means(
            registry=self._measured(opened.runbook, settings),
            environ=environ,
            secrets=settings.secrets(),
            lease=lease,
            me=self._aim.who,
            source=self._aim.source,
            output_limit_bytes=int(settings.cutover.output_limit_mb * _MB),
            sinks=sinks(settings),
            elsewhere=lambda: self._begun_beside(opened.folder),
        )
        return Walk(opened, means, changed)

    def _measured(self, runbook: Runbook, settings: Settings) -> Registry:
        """The gates of a walk. What is asked at GO is asked of the real target; in a rehearsal all later ones are asked
        of the scratch target, which the steps before have filled.
        """
        real = self.gates(runbook)
        if settings is self._settings:
            return real
        at_go = {each.id for each in runbook.gates if each.phase == "start"}
        scratch = self.gates(runbook, settings)
        return Registry(each if each.id in at_go else scratch.get(each.id) or each for each in real)

    def _aimed_at(self, opened: Opened, run: Run, database: str) -> Runbook:
        given = self._aim.intent.given
        aimed = replace(given, surroundings=replace(given.surroundings, postgres_database=database))
        return runbook_of(run, aimed, opened.folder)

    async def loss(self, walk: Walk) -> tuple[str, ...]:
        """What a rollback past the point of no return would lose, measured now, in words."""
        found = await plan_b.lost(self._settings, walk.folder / plan_b.MARK)
        known = () if isinstance(found, Unknown) else ("it is kept as files before anything is taken back",)
        return (*plan_b.words(found), *known)

    async def keep_delta(self, walk: Walk) -> Path | None:
        """Before a rollback past the point of no return: what it would lose, kept as files in a folder of the run's,
        another one each time: what was kept before stays as its hash was written down. None without a mark. What that
        is, or why it is not known, is in the journal. Raises ConsoleError when it cannot be kept.
        """
        mark, folder = walk.folder / plan_b.MARK, walk.folder / f"{plan_b.DELTA}-{utc_now():%Y%m%dT%H%M%SZ}"
        found = await plan_b.lost(self._settings, mark)
        if not isinstance(found, Unknown):
            await plan_b.keep(self._settings, mark, folder)
            await walk.keep_artifact(folder, "delta")
        await walk.note(f"before going back: {'; '.join(plan_b.words(found))}")
        return None if isinstance(found, Unknown) else folder

    async def clear_up(self, run: Run) -> None:
        """After a rehearsal: its scratch target goes."""
        if run.mode is RunMode.REHEARSAL and run.state in ENDED:
            await scratch_target.drop(self._settings.postgres, scratch_target.name_for(run.id))


def _git(intent: Intent) -> str:
    """The commit that the runbook's folder stands at, where that can be told without running anything."""
    path = intent.base / intent.name
    for folder in (path, *path.parents):
        head = folder / ".git" / "HEAD"
        with contextlib.suppress(OSError):
            said = head.read_text(encoding="utf-8").strip()
            if not said.startswith("ref: "):
                return said[:40]
            return (folder / ".git" / said.removeprefix("ref: ")).read_text(encoding="utf-8").strip()[:40]
    return ""
