"""Databases that a suite of judged queries is asked in: made for it, dropped after it, never the user's own."""

from __future__ import annotations

import re
import secrets

from devora_console.core.maker import parse_maker, this_process
from devora_console.core.scratch import Left, judged
from devora_console.postgres.scratch import Connection, drop_dead, there

PREFIX = "devora_judging_"
_NAME = re.compile(PREFIX + r"[0-9a-f]{10}")
_COMMENT = "devora-console: judged queries are asked here; may be dropped "


def new_name() -> str:
    """A name that nothing has."""
    return f"{PREFIX}{secrets.token_hex(5)}"


def comment() -> str:
    """What is said of a database that this process makes."""
    return _COMMENT + this_process().text()


async def sweep(conn: Connection) -> tuple[Left, ...]:
    """Drop those whose maker is dead; what is there still and not being worked with."""
    found = []
    for each in await there(conn, PREFIX):
        if _NAME.fullmatch(each.name):
            said = each.comment
            maker = parse_maker(said.removeprefix(_COMMENT)) if said.startswith(_COMMENT) else None
            found.append(judged(each.name, maker, busy=each.busy))
    return await drop_dead(conn, found)
