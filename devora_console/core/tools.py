"""Programs beside the console: where they are, and which version they say they have."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from devora_console.core.safetext import one_line

_SECONDS = 5.0
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_VERSION = re.compile(r"(\d+)(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program and what it said about its version: ``major`` is None when it said nothing usable."""

    path: Path
    version: str
    major: int | None


async def ask(path: Path) -> Tool:
    """Run ``path --version`` without a shell and without our environment's credentials."""
    try:
        process = await asyncio.create_subprocess_exec(
            str(path),
            "--version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        )
    except OSError as error:
        return Tool(path, f"cannot be run: {error.strerror}", None)
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return Tool(path, f"no answer within {_SECONDS:.0f} s", None)
    line = one_line(said.decode("utf-8", "replace").partition("\n")[0], 120)
    found = _VERSION.search(line)
    return Tool(path, line or "says nothing about its version", int(found[1]) if found else None)


def client_places(major: int) -> tuple[Path, ...]:
    """Folders of the system with a pg_dump of ``major`` or newer, that nearest to ``major`` first."""
    found: list[tuple[int, Path]] = []
    for pattern in _PLACES:
        for folder in Path("/").glob(pattern.lstrip("/")):
            number = _VERSION.search(folder.parent.name)
            if number and int(number[1]) >= major and (folder / "pg_dump").exists():
                found.append((int(number[1]), folder))
    return tuple(folder for _, folder in sorted(found))
