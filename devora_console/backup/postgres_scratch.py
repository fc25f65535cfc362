"""The scratch database of a trial in PostgreSQL: its comment says who made it."""

from __future__ import annotations

from devora_console.core.maker import parse_maker, this_process
from devora_console.core.scratch import NAME, PREFIX, Left, judged
from devora_console.postgres.scratch import Connection, drop_dead, there

_COMMENT = "devora-console: a backup is being tried here; may be dropped "


def comment() -> str:
    """What is said of a database that this process makes for a trial."""
    return _COMMENT + this_process().text()


async def left(conn: Connection) -> tuple[Left, ...]:
    """Those that are there."""
    found = []
    for each in await there(conn, PREFIX):
        if NAME.fullmatch(each.name):
            said = each.comment
            maker = parse_maker(said.removeprefix(_COMMENT)) if said.startswith(_COMMENT) else None
            found.append(judged(each.name, maker, busy=each.busy))
    return tuple(found)


async def sweep(conn: Connection) -> tuple[Left, ...]:
    """Drop those whose maker is dead; what is there still and not being worked with."""
    return await drop_dead(conn, await left(conn))
