"""Taking things out of the terminal: a file only its owner reads, or the clipboard."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import datetime
from pathlib import Path

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.snapshot import to_json


def write_export(folder: Path, name: str, content: object, now: datetime) -> Path:
    """Write a snapshot (as JSON) or a text into a new file ``NAME-TIME.json``, mode 0600, and give its path.

    Raises ConsoleError naming the folder when it cannot be written.
    """
    text = content if isinstance(content, str) else json.dumps(to_json(content), ensure_ascii=False, indent=2)
    stamp = now.strftime("%Y%m%dT%H%M%S")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for attempt in range(100):
            path = folder / f"{name}-{stamp}{f'-{attempt}' if attempt else ''}.json"
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text + "\n")
            return path
    except OSError as error:
        raise _cannot(folder, error.strerror or type(error).__name__) from error
    raise _cannot(folder, "too many exports in one second")


def _cannot(folder: Path, reason: str) -> ConsoleError:
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "export.failed",
        f"cannot write into {folder}: {reason}",
        "Set another export folder, or make room.",
    )


async def to_tmux(text: str) -> None:
    """Put ``text`` into tmux's buffer and, through it, the outer clipboard; silently nothing outside tmux.

    The escape sequence for the clipboard does not always pass tmux; its own command does.
    """
    if not os.environ.get("TMUX"):
        return
    try:
        process = await asyncio.create_subprocess_exec(
            "tmux",
            "load-buffer",
            "-w",
            "-",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await asyncio.wait_for(process.communicate(text.encode("utf-8", "backslashreplace")), 2.0)
    except (OSError, TimeoutError):
        return  # the escape sequence was sent as well, and the words are on the screen
