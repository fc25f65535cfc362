"""Whom one can search as: users by id or e-mail address; and what they have been talking about."""

from __future__ import annotations

from devora_console.postgres.sqlfiles import sql
from devora_console.search.asking import Caller, Connection, fetch
from devora_console.search.ground import HERE
from devora_console.search.seen import Person, Talk

_COUNTED = 1000


def escaped(text: str) -> str:
    """For LIKE, which then takes it letter by letter.

    >>> escaped("100%_a")
    '100\\\\%\\\\_a'
    """
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def people(connection: Connection, caller: Caller, text: str, most: int) -> tuple[Person, ...]:
    """Those whose id or address holds the text, at most so many."""
    wanted = text.replace("\0", "").strip()[:200].encode("utf-8", "replace").decode("utf-8")
    rows = await fetch(connection, caller, sql(HERE, "people"), wanted, most, escaped(wanted))
    return tuple(
        Person(str(row["id"]), row["email"], min(row["documents"], _COUNTED), row["documents"] > _COUNTED)
        for row in rows
    )


async def talks(connection: Connection, caller: Caller, most: int) -> tuple[Talk, ...]:
    """The caller's latest conversations, at most so many."""
    rows = await fetch(connection, caller, sql(HERE, "talks"), caller.user, most)
    return tuple(
        Talk(str(row["id"]), row["title"], row["at"], min(row["messages"], _COUNTED), row["messages"] > _COUNTED)
        for row in rows
    )
