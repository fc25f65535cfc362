"""Consoles in processes of their own, forked from one that has loaded everything: a start costs little."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.warm import SERVER


class Console:
    """A console that was started with these words; what it says goes into a file."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], said: Path, terminal: str = "") -> None:
        self._said = said
        self._process: ForkServerProcess = SERVER.Process(
            target=_main, args=(list(argv), dict(environ), str(said), terminal)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """Its exit code (negative: the signal that ended it); None when it still runs."""
        self._process.join(seconds)
        return self._process.exitcode

    def end(self, seconds: float = 90.0) -> tuple[int, str]:
        """Wait for its end: the exit code, and what it said."""
        code = self.wait(seconds)
        assert code is not None, self._said.read_text()
        self._process.close()
        return code, self._said.read_text()


def _main(argv: list[str], environ: dict[str, str], said: str, terminal: str) -> None:
    """In the new process: leave the test's surroundings behind, and be a console."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environ)
    null = os.open(terminal or os.devnull, os.O_RDWR)  # who leads a session and opens a terminal has it
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, null), (1, out), (2, out)):
        os.dup2(source, target)
    from devora_console.cli.entry import run

    sys.exit(run(argv))
