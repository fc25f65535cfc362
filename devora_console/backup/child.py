"""Programs that do work for us: without a shell, without secrets in their arguments, ended when we end."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from devora_console.backup.stop import Stop
from devora_console.config.secret import Secret, scrub
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_KEPT = 4000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (negative: the signal), and the last of what it said on stderr."""

    code: int
    said: str

    @property
    def why(self) -> str:
        """One line for people: what it said of errors, else its last words, else how it ended."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        errors = [line for line in lines if "error:" in line.lower() or "fatal:" in line.lower()]
        if errors or lines:
            return one_line((errors or lines[-1:])[0], 240)
        if self.code < 0:
            with suppress(ValueError):
                return f"ended by {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


def run(
    command: Sequence[str],
    stop: Stop,
    *,
    environment: Mapping[str, str],
    read: Callable[[IO[bytes]], None] | None = None,
    feed: Callable[[IO[bytes]], None] | None = None,
    keep_open: Iterable[int] = (),
    secrets: Sequence[Secret | None] = (),
) -> Ended:
    """Run a program to its end. ``read`` takes its stdout, ``feed`` writes its stdin; both run in this thread, so one
    of them at most. Raises ConsoleError: exit 2 when it cannot be started, exit 130 when we were asked to stop.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.PIPE if read else subprocess.DEVNULL,
                stderr=errors,
                env=dict(environment),
                pass_fds=tuple(keep_open),
                preexec_fn=_die_with_parent if _libc else None,  # noqa: PLW1509 - one system call, no lock, no memory
            )
        except OSError as error:
            raise usage_error(
                "tool_unusable",
                f"{one_line(command[0], 160)} cannot be run: {error.strerror}",
                "Install it again",
            ) from None
        stop.on_stop(lambda: _end(process))
        try:
            with suppress(BrokenPipeError):  # it ended by itself: its exit code tells
                _work(process, read, feed)
            code = process.wait()
        finally:
            if process.poll() is None:
                _end(process)
                process.wait()
        stop.check()
        errors.seek(0, 2)
        errors.seek(max(0, errors.tell() - _KEPT))
        said = scrub(errors.read().decode("utf-8", "replace"), *secrets)
        return Ended(code, said)


def _work(
    process: subprocess.Popen[bytes], read: Callable[[IO[bytes]], None] | None, feed: Callable[[IO[bytes]], None] | None
) -> None:
    if read and process.stdout:
        with process.stdout:
            read(process.stdout)
    if feed and process.stdin:
        try:
            feed(process.stdin)
        except BaseException:  # protects the restore, whatever ends the feeding, Ctrl-C too
            _end(process)  # before its input ends: it must not take half of it for the whole
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()


def _end(process: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def _die_with_parent() -> None:
    """The kernel ends the program when the thread that started it ends, however that ends."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
