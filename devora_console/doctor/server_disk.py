"""Free space under PostgreSQL's data directory, where that can be known at all."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from devora_console.core.safetext import one_line
from devora_console.doctor.check import Answer, unknown
from devora_console.doctor.machine import free_space

_ASK = "On the server's machine run: df -h"


async def free_space_of(data_directory: str | None, started_at: datetime, *, local: bool) -> Answer:
    """PostgreSQL tells nobody how full its disk is; on our own machine we can look, once sure it is that server."""
    if data_directory is None:
        return unknown(
            "PostgreSQL does not tell the free space of its disk, and the data directory is hidden from this user",
            f"{_ASK} (the folder: SHOW data_directory; as a superuser)",
        )
    remedy = f"{_ASK} {one_line(data_directory, 200)}"
    if not local:
        return unknown("PostgreSQL does not tell the free space of its disk", remedy)
    folder = Path(data_directory)
    if not await asyncio.to_thread(_is_that_server, folder, started_at):
        return unknown("PostgreSQL does not tell the free space of its disk, and we may not look", remedy)
    return await asyncio.to_thread(free_space, folder)


def _is_that_server(folder: Path, started_at: datetime) -> bool:
    """A folder of the same name may be another server's (a container's): compare the start time in its pid file."""
    try:
        lines = (folder / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        return abs(int(lines[2]) - started_at.timestamp()) < 5
    except (OSError, ValueError, IndexError):
        return False
