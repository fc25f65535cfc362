"""One attempt at a command, as its folder tells: what was asked for, who runs, how it ended."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.cutover.apart import machine


@dataclass(frozen=True, slots=True)
class Spec:
    """What is to be run. ``argv`` and ``cwd`` stand on the disk, so they hold no secret; a command takes its secrets
    from the environment. At least 1024 bytes of output are kept.
    """

    argv: Sequence[str]
    cwd: str | None = None
    timeout_seconds: float | None = None
    output_limit_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Started:
    """A command that runs, or already ran: its process and that of its shim. ``pid_start`` tells it from a later
    process of the same number; both start times are the machine's own measure.
    """

    shim: int
    shim_start: float | None
    pid: int
    pid_start: float | None
    session: int
    boot: str

    def payload(self) -> dict[str, object]:
        """What the journal says of it (:attr:`.events.Kind.STARTED`)."""
        return {"pid": self.pid, "pid_start": self.pid_start, "boot_id": self.boot}


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended: ``rc``, or the ``signal`` that ended it. ``seconds`` is monotonic time.

    ``out_bytes`` and ``out_sha`` are of the output as it was kept, ``dropped_bytes`` were not kept; ``error`` says why
    where that was not the limit, for example a full disk. ``began`` and ``ended`` are wall time.
    """

    rc: int | None
    signal: int | None
    seconds: float
    timed_out: bool
    out_bytes: int
    out_sha: str
    dropped_bytes: int
    error: str
    began: str
    ended: str

    def payload(self, *, ingested: bool) -> dict[str, object]:
        """What the journal says of it (:attr:`.events.Kind.EXITED`); ``ingested``: found afterwards."""
        return {**asdict(self), "ingested": ingested}


class Standing(StrEnum):
    """What is known of a command."""

    ENDED = "ended"  # there is a result
    RUNNING = "running"  # its shim watches it
    UNSUPERVISED = "unsupervised"  # it runs without a shim: how it ends will not be known
    UNKNOWN = "unknown"  # it may have been started, and may have ended; nothing here tells


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: the result of ENDED, the processes where they are known, and the reason in words."""

    standing: Standing
    reason: str
    result: Result | None = None
    started: Started | None = None


def look(folder: Path, boot: str, current: str | None = None) -> Seen:
    """What has become of the command whose intent was written in ``boot``. ``current`` is the present boot.

    The result is looked at first: something that the command left running may hold the lock for ever.
    """
    found = _finished(folder)
    if found is not None:
        return found
    started = read_started(folder)
    if boot != (current or machine.boot_id()):
        return Seen(Standing.UNKNOWN, "the machine was restarted since, and there is no result", started=started)
    if not held(folder / "alive.lock"):
        # It may have ended between the two looks: the result is there before the lock is let go.
        return _finished(folder) or Seen(Standing.UNKNOWN, _lost(started), started=started)
    if started is None:
        return Seen(Standing.RUNNING, "it is being started")
    if is_same(started.shim, started.shim_start):
        return Seen(Standing.RUNNING, "its shim watches it", started=started)
    if is_same(started.pid, started.pid_start):
        reason = "its shim is gone and the command runs on: how it ends will not be known"
        return Seen(Standing.UNSUPERVISED, reason, started=started)
    reason = "its shim and the command are gone without a result; something that it started still runs"
    return _finished(folder) or Seen(Standing.UNKNOWN, reason, started=started)


def _lost(started: Started | None) -> str:
    if started is None:
        return "there is no trace of a start; it may have been under way"
    return "its shim and the command are gone without a result"


def _finished(folder: Path) -> Seen | None:
    said = _json(folder / "result.json")
    if said is None:
        return None
    if isinstance(said, Unknown):
        return Seen(Standing.UNKNOWN, said.reason)
    try:
        result = Result(**{name: said[name] for name in Result.__slots__})
    except KeyError as missing:
        return Seen(Standing.UNKNOWN, f"{folder / 'result.json'} does not tell {missing}")
    how = f"exit code {result.rc}" if result.signal is None else f"ended by signal {result.signal}"
    return Seen(Standing.ENDED, how + (" after its time was over" if result.timed_out else ""), result, None)


def read_started(folder: Path) -> Started | None:
    """Who runs or ran in an attempt's folder; None while that is not written."""
    said = _json(folder / "pid.json")
    if said is None or isinstance(said, Unknown):
        return None
    return Started(
        said["shim"], said["shim_start"], said["pid"], said["pid_start"], said["session"], str(said["boot_id"])
    )


def _json(path: Path) -> dict[str, Any] | Unknown | None:
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return Unknown(f"{path} cannot be read: {one_line(str(error))}")
    return said if isinstance(said, dict) else Unknown(f"{path} is not what a shim writes")


def held(path: Path) -> bool:
    """Whether somebody holds the lock. Shared, so that two who look do not take each other for a command."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_same(pid: int, began: float | None) -> bool:
    """Whether a process still runs and is the one that was meant."""
    return began is not None and machine.start_time(pid) == began
