"""A command of the site that is run to see how it ends: its output drained, its time kept, its whole group ended."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from devora_console.config.secret import Secret, scrub
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown

_KEPT_BYTES = 4000  # more than is told, so that a secret cut in two at the beginning is not told
_TOLD = 1000
_POLITE_SECONDS = 5.0
_DRAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """How it ended. ``code`` is negative for a signal; ``tail`` is the end of its output, without secrets."""

    code: int
    seconds: float
    timed_out: bool
    bytes: int
    tail: str

    @property
    def last_line(self) -> str:
        """The last line of its output that is not empty."""
        lines = [line for line in self.tail.splitlines() if line.strip()]
        return one_line(lines[-1], 160) if lines else ""


class _Output:
    """The end of what was written, and how much that was."""

    def __init__(self) -> None:
        self.bytes = 0
        self.tail = b""

    async def drain(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65_536):
            self.bytes += len(chunk)
            self.tail = (self.tail + chunk)[-_KEPT_BYTES:]


async def tried(argv: Sequence[str], seconds: float, secrets: Sequence[Secret] = ()) -> Trial | Unknown:
    """Run it to its end; after ``seconds`` its whole group is ended. Unknown when it cannot be started."""
    began = time.monotonic()
    # A pipe of our own: the end of one that belongs to the process would be waited for as well.
    ours, theirs = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(ours)
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Unknown(f"{one_line(argv[0], 80)} cannot be started: {said}", "Correct tests in [cutover.vars]")
    finally:
        os.close(theirs)
    output = _Output()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", buffering=0)
    )
    draining = asyncio.create_task(output.drain(reader))
    timed_out = False
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        timed_out = True
        await _end(process)
    except asyncio.CancelledError:
        await asyncio.shield(_end(process))
        raise
    finally:
        # What it has left behind may hold the pipe open for as long as it likes.
        await asyncio.wait({draining}, timeout=_DRAIN_SECONDS)
        draining.cancel()
        transport.close()
    tail = safe(scrub(output.tail.decode(errors="replace"), *secrets)[-_TOLD:])
    assert process.returncode is not None
    return Trial(process.returncode, time.monotonic() - began, timed_out, output.bytes, tail)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the group: politely, then not. What the first process has left in it goes, too."""
    for word in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, word)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _POLITE_SECONDS)
