"""Past the point of no return: what going back would lose, measured, and how it is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.delta import Mark, TableDelta, export, mark, measure, read_mark, write_mark
from devora_console.postgres.target import Target

MARK = "target-mark.json"
DELTA = "delta"


async def take_mark(settings: Settings, path: Path) -> Mark:
    """Remember what the target holds now, durably. Raises ConsoleError."""
    taken = await Target(settings.postgres).visit(mark, purpose="delta mark")
    write_mark(path, taken)
    return taken


async def lost(settings: Settings, path: Path) -> tuple[TableDelta, ...] | Unknown:
    """What was written to the target since the mark, by table; only tables of which anything was."""
    if not await asyncio.to_thread(path.exists):
        return Unknown("no mark was taken before visitors were let in", "devora-console cutover delta mark --file FILE")
    try:
        since = read_mark(path)
        found = await Target(settings.postgres).visit(lambda conn: measure(conn, since), purpose="delta")
    except ConsoleError as error:
        return Unknown(error.problem.message, error.problem.remedy)
    return tuple(each for each in found if each.written or each.lost)


def words(found: tuple[TableDelta, ...] | Unknown) -> tuple[str, ...]:
    """What going back would lose, in lines."""
    if isinstance(found, Unknown):
        return (f"what was written since is not known: {one_line(found.reason, 200)}",)
    if not found:
        return ("nothing was written since the mark",)
    return tuple(
        f"{one_line(each.name, 80)}: {each.written} rows written since would be lost"
        + (f", {each.lost} of those at the mark were changed or are gone" if each.lost else "")
        for each in found
    )


async def keep(settings: Settings, path: Path, folder: Path) -> dict[str, int]:
    """Write what was written since the mark as JSON lines, a file per table. Raises ConsoleError."""
    since = read_mark(path)
    return await Target(settings.postgres).visit(lambda conn: export(conn, since, folder), purpose="delta export")
