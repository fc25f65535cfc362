"""A defect of ours: the traceback goes to a private file without values, the person gets one line."""

from __future__ import annotations

import os
import traceback

from devora_console.config.paths import log_dir
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode


def report(error: Exception) -> ConsoleError:
    """Write the traceback (places and types, no values: they may hold secrets) and say where it is."""
    lines = [f"{type(error).__module__}.{type(error).__name__}\n"]
    lines += [f"{frame.filename}:{frame.lineno} {frame.name}\n" for frame in traceback.extract_tb(error.__traceback__)]
    where = f" Details: {path}" if (path := _write("".join(lines))) else ""
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "defect",
        f"a defect in the console ({type(error).__name__})",
        f"Please report it.{where}",
    )


def _write(text: str) -> str | None:
    try:
        folder = log_dir()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"crash-{utc_now():%Y%m%dT%H%M%S}-{os.getpid()}.txt"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
    except OSError:
        return None
    return str(path)
