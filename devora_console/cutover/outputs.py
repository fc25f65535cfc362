"""The output of a command: the bytes as they were kept, and the last lines as they may be shown."""

from __future__ import annotations

from pathlib import Path

from devora_console.config.redact import redact_message
from devora_console.core.safetext import safe


def tail(folder: Path, offset: int, limit: int = 1 << 20) -> bytes:
    """The output from ``offset`` on, at most ``limit`` bytes of it; empty while there is none."""
    try:
        with (folder / "out.raw").open("rb") as file:
            file.seek(offset)
            return file.read(limit)
    except FileNotFoundError:
        return b""


def last_lines(folder: Path, count: int, width: int = 400) -> tuple[str, ...]:
    """The last ``count`` lines of the output as they may be shown: cut to ``width``, without escapes or secrets.

    Only the end of the file is read, so that a line of any length costs nothing. Of a line that was drawn over with
    carriage returns the latest drawing is shown.
    """
    try:
        size = (folder / "out.raw").stat().st_size
    except FileNotFoundError:
        return ()
    begin = max(0, size - max(1 << 14, count * width * 4))
    lines = tail(folder, begin, size - begin).decode("utf-8", "replace").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return tuple(_shown(line, width) for line in lines[-count:]) if count > 0 else ()


def last_words(folder: Path) -> str:
    """The last line of the output that holds anything: where a program says why it gave up. Empty without one."""
    return next((each.strip() for each in reversed(last_lines(folder, 10)) if each.strip()), "")


def _shown(line: str, width: int) -> str:
    drawn = line.rstrip("\r").rpartition("\r")[2]
    return safe(redact_message(drawn[: width * 4]), width)
