"""Where runs live: ``<data>/cutover/<run id>/`` with the journal and a folder for every attempt at a step."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from devora_console.config.paths import data_dir, expanded
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode, refused, usage_error
from devora_console.core.safetext import one_line
from devora_console.cutover.journal import disk

JOURNAL = "journal.db"
HEAD = "head.json"
DRIVER_LOCK = "driver.lock"

_EMPTY = 4096  # bytes of a database of one page, without any table
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[a-z0-9]+-[a-z0-9]{4}")
_STEP_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
# Without letters and digits that are taken for each other when read aloud.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def home(configured: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The folder of runs: as configured (``cutover.home``), or in the console's data. Not created here."""
    return expanded(Path(configured)).absolute() if configured else data_dir(environ) / "cutover"


def prepare(folder: Path, environ: Mapping[str, str] | None = None) -> Path:
    """Make the folder of runs where there is none, and refuse (exit 4) one that is not fit: see :mod:`.disk`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        message = f"the folder {folder} cannot be made: {error.strerror}"
        raise refused("cutover_home_unfit", message, "Set cutover.home to a folder of your own.") from None
    disk.check(folder, environ)
    disk.check_room(folder)
    return folder


def new_run_id(strategy: str, now: datetime | None = None) -> str:
    """``20261127T234501Z-bigbang-x7k2``: sorts by time, can be said aloud, and names a folder."""
    moment = (now or utc_now()).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    word = re.sub(r"[^a-z0-9]", "", strategy.lower()) or "run"
    return f"{moment}-{word}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"


def make_run(folder: Path, run: str) -> Path:
    """The new folder of a run (0700) in the folder of runs."""
    if not _RUN_ID.fullmatch(run):
        raise ValueError(f"{run!r} is not the id of a run")
    path = folder / run
    try:
        path.mkdir(mode=0o700)
        (path / "steps").mkdir(mode=0o700)
        disk.sync(path)
        disk.sync(folder)
    except OSError as error:
        message = f"the folder {path} cannot be made: {error.strerror}"
        raise ConsoleError.of(ExitCode.STOPPED, "cutover_disk", message, "Make room on that disk.") from None
    return path


@contextmanager
def opening(folder: Path) -> Iterator[None]:
    """One console at a time looks whether there is a run already and opens one."""
    with (folder / "opening.lock").open("a") as lock:
        (folder / "opening.lock").chmod(0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def runs(folder: Path) -> tuple[Path, ...]:
    """The folders of runs, the latest first. Empty where there is none yet."""
    try:
        names = [name for name in os.listdir(folder) if _RUN_ID.fullmatch(name)]
    except FileNotFoundError:
        return ()
    return tuple(folder / name for name in sorted(names, reverse=True) if _holds_events(folder / name))


def _holds_events(run: Path) -> bool:
    """Whether the run came to be: a console that dies while it opens one leaves a folder without any event."""
    try:
        size = (run / JOURNAL).stat().st_size
    except FileNotFoundError:
        return False
    wal = run / f"{JOURNAL}-wal"
    return (run / HEAD).exists() or size > _EMPTY or (wal.exists() and wal.stat().st_size > 0)


def find(folder: Path, text: str = "") -> Path:
    """The run that is meant: by its id, its beginning or its last letters; the latest when nothing is said.

    ConsoleError (exit 2) when there is none, or more than one.
    """
    known = runs(folder)
    exact = [each for each in known if each.name == text]
    found = exact or [each for each in known if each.name.startswith(text) or each.name.endswith(f"-{text}")]
    if text and len(found) > 1:
        names = ", ".join(each.name for each in found[:5])
        raise usage_error("cutover_which_run", f"{one_line(text, 60)} may be any of {len(found)} runs: {names}")
    if found:
        return found[0]
    words = f"no run {one_line(text, 60)} in {folder}" if text else f"no run yet in {folder}"
    raise usage_error("cutover_no_run", words, f"The latest are: {_few(known)}." if known else "")


def _few(known: tuple[Path, ...]) -> str:
    return ", ".join(each.name for each in known[:5])


def attempt_folder(run: Path, step: str, attempt: int, *, undo: bool = False) -> Path:
    """Where an attempt at a step (or at its undo) keeps what its command prints and how it ended."""
    if not _STEP_ID.fullmatch(step):
        raise ValueError(f"{step!r} is not the id of a step")
    return run / "steps" / f"{step}.{attempt}{'.undo' if undo else ''}"


def make_attempt_folder(run: Path, step: str, attempt: int, *, undo: bool = False) -> Path:
    """The same, made (0700). An attempt has its folder for itself: FileExistsError when it was made before."""
    path = attempt_folder(run, step, attempt, undo=undo)
    path.mkdir(mode=0o700)
    return path
