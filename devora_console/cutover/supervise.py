"""Starts commands under the shim, and finds out what has become of them: also after everything else has died."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devora_console.config.secret import Secret
from devora_console.core.masking import is_plain, whole
from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.cutover import shim
from devora_console.cutover.apart import machine
from devora_console.cutover.apart.files import put
from devora_console.cutover.attempt import Result, Seen, Spec, Standing, Started, held, is_same, look, read_started
from devora_console.cutover.known import held_in, words_of
from devora_console.cutover.outputs import last_lines, tail

__all__ = [
    "NotStarted",
    "Result",
    "Seen",
    "Spec",
    "Standing",
    "Started",
    "Stopped",
    "is_same",
    "last_lines",
    "look",
    "read_started",
    "start",
    "stop",
    "tail",
]

_PATIENCE = 5.0  # seconds for the shim to say who runs
_POLL = 0.01
_PROGRAM = str(shim.__file__)


class NotStarted(ConsoleError):
    """Certainly nothing was run."""


# --- starting ---------------------------------------------------------------------------------------


def start(
    folder: Path, spec: Spec, secrets: Sequence[Secret] = (), env: Mapping[str, str] | None = None
) -> Started | Unknown:
    """Run a command apart from the console, in an attempt's folder of its own that was never used.

    Raises NotStarted when certainly nothing was run. Unknown: the shim did not report in time; :func:`look` tells.
    ``env`` is the command's environment (None: the console's own). What it holds of credentials is kept out of the
    output, beside ``secrets``.
    """
    env = os.environ if env is None else env
    _check(spec, secrets)
    said = {
        "argv": list(spec.argv),
        "cwd": spec.cwd,
        "timeout_seconds": spec.timeout_seconds,
        "output_limit_bytes": spec.output_limit_bytes,
        "env_keys": sorted(env),
    }
    try:
        if any((folder / name).exists() for name in ("spec.json", "pid.json", "result.json")):
            raise _not_started(folder, "it was used before; every attempt gets a folder of its own")
        put(str(folder), "spec.json", said)
        reader, writer = os.pipe()
    except OSError as error:
        raise _not_started(folder, str(error.strerror), "Make room on that disk, then start the step again.") from None
    program = [sys.executable, "-I", "-S", _PROGRAM, str(folder), str(reader)]
    try:
        process = subprocess.Popen(
            program,
            env=dict(env),
            pass_fds=(reader,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        os.close(writer)
        raise _not_started(folder, f"{sys.executable}: {error.strerror}") from None
    finally:
        os.close(reader)
    _hand_over(writer, sorted(words_of(secrets, env)))
    return _reported(folder, process)


def _check(spec: Spec, secrets: Sequence[Secret]) -> None:
    if not spec.argv:
        raise ValueError("a command has at least the name of a program")
    for number, word in enumerate([*spec.argv, spec.cwd or ""]):
        if held_in(word, secrets):
            where = "the working folder" if number == len(spec.argv) else f"word {number + 1}"
            name = one_line(Path(spec.argv[0]).name, 40)
            message = f"{where} of the command {name} holds a secret, which would be on disk"
            problem = Problem("cutover_secret_in_argv", message, "Let the command take it from the environment.")
            raise NotStarted(problem, ExitCode.REFUSED)


def _not_started(folder: Path, reason: str, remedy: str = "") -> NotStarted:
    problem = Problem("cutover_not_started", f"nothing was started in {folder}: {one_line(reason)}", remedy)
    return NotStarted(problem, ExitCode.STOPPED)


def _hand_over(writer: int, words: Sequence[str]) -> None:
    """The words to keep out of the output, through a pipe that only the shim reads."""
    try:
        with os.fdopen(writer, "wb") as pipe:
            plain = {word: whole(word) for word in words if is_plain(word)}
            pipe.write(json.dumps({"words": [word for word in words if word not in plain], "plain": plain}).encode())
    except BrokenPipeError:  # it has ended already; what it said is read next
        pass


def _reported(folder: Path, process: subprocess.Popen[bytes]) -> Started | Unknown:
    give_up = time.monotonic() + _PATIENCE
    try:
        _, words = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        words = b""
    if process.returncode == shim.NOT_STARTED:
        raise _not_started(folder, words.decode("utf-8", "replace"))
    while True:
        found = read_started(folder)
        if found is not None:
            return found
        if time.monotonic() >= give_up:
            return Unknown(f"the shim did not report within {_PATIENCE:.0f} s", f"What it said is in {folder}/shim.err")
        time.sleep(_POLL)


# --- stopping ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """What stopping did: whether nothing of the group runs any more, and how that went, in words."""

    gone: bool
    words: str


def stop(folder: Path, grace: float = shim.GRACE_SECONDS) -> Stopped:
    """End a command and what it left in its process group: ask, and after ``grace`` seconds kill.

    Nothing is signalled but the group that the shim wrote down, in the same boot and session: a number that was given
    to another process since is left alone. The result is written by the shim, as ever.
    """
    started = read_started(folder)
    if (folder / "result.json").exists():
        return Stopped(True, "nothing to stop: it has ended")
    if started is None:
        running = held(folder / "alive.lock")
        return Stopped(not running, "it is only being started" if running else "nothing to stop: nothing runs")
    if started.boot != machine.boot_id():
        return Stopped(True, "nothing to stop: the machine was restarted since")
    if not _members(started):
        seen = held(folder / "alive.lock")
        hidden = "what runs of it is not in its process group, or is hidden from this user"
        return Stopped(not seen, hidden if seen else "nothing to stop: it has ended")
    try:
        return _stopped(started, grace)
    except PermissionError:
        return Stopped(False, "it may not be stopped from here: it runs as another user")


def _stopped(started: Started, grace: float) -> Stopped:
    _signal(started, signal.SIGTERM, signal.SIGCONT)
    if _empty(started, grace):
        return Stopped(True, "ended when it was asked to")
    _signal(started, signal.SIGKILL)
    if _empty(started, _PATIENCE):
        return Stopped(True, f"killed: it had not ended {grace:g} s after it was asked to")
    left = ", ".join(map(str, _members(started)[:5]))
    return Stopped(False, f"it was killed, but still there are: {left}")


def _empty(started: Started, seconds: float) -> bool:
    give_up = time.monotonic() + seconds
    while _members(started):
        if time.monotonic() >= give_up:
            return False
        time.sleep(_POLL * 5)
    return True


def _members(started: Started) -> list[int]:
    """Who is left of the group. While anybody is, the system gives its number to nobody else."""
    members = machine.group(started.pid, started.session)
    if started.pid in members and not is_same(started.pid, started.pid_start):
        return []
    return members


def _signal(started: Started, *signals: int) -> None:
    for each in signals:
        if _members(started):
            try:
                os.killpg(started.pid, each)
            except ProcessLookupError:
                return
