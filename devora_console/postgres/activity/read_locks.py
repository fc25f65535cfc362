"""Look at who waits for whom: one question while nobody does, three more when somebody does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from devora_console.config.thresholds import ActivitySettings
from devora_console.core.clock import utc_now
from devora_console.core.safetext import safe
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.read import hidden_remedy, session_rows, sessions_of
from devora_console.postgres.activity.snapshot import LockNode, LocksSnapshot, Prepared
from devora_console.postgres.activity.tree import Forest
from devora_console.postgres.encodings import decode
from devora_console.postgres.watch.guest import Guest

_SECONDS = 3.0


async def read_locks(guest: Guest, limits: ActivitySettings) -> LocksSnapshot | Unknown:
    """The blocking trees as of now, this console's own sessions included. Raises ConsoleError when the line is lost."""
    rows = await guest.ask("locks_waited", seconds=_SECONDS)
    if isinstance(rows, Unknown):
        return rows
    if all(row["granted"] for row in rows):
        return LocksSnapshot(utc_now(), (), 0, 0, "", limits.model_dump())
    scope = await guest.one("activity_limits", seconds=_SECONDS)
    seen = await session_rows(guest, blockers=False)
    if isinstance(scope, Unknown) or isinstance(seen, Unknown):
        return scope if isinstance(scope, Unknown) else seen  # type: ignore[return-value]  # one of them is
    sessions = sessions_of(seen, scope["query_bytes"])
    raw = {row["database_oid"]: row["texts"][0] for row in seen if row["database_oid"]}
    databases = {oid: decode(name) or "" for oid, name in raw.items() if name is not None}
    trees = Forest(
        rows,
        sessions,
        await _prepared(guest, rows),
        await _names(guest, rows),
        databases,
        guest.host.database_oid,
        limits,
    )
    roots = trees.roots()
    hidden = sum(1 for node in every(roots) if node.session is not None and node.session.hidden)
    return LocksSnapshot(
        as_of=rows[0]["now"],
        roots=roots,
        waiting=trees.waiting,
        hidden=hidden,
        hidden_remedy=hidden_remedy(scope, guest.host.version) if hidden else "",
        thresholds=limits.model_dump(),
    )


def every(nodes: Iterable[LockNode]) -> list[LockNode]:
    """The nodes of these trees, each before those that wait for it."""
    found: list[LockNode] = []
    for node in nodes:
        found += [node, *every(node.waiters)]
    return found


async def _prepared(guest: Guest, rows: Sequence[Any]) -> dict[str, Prepared]:
    """Prepared transactions by transaction id, when somebody waits for one."""
    if not any(0 in (row["blocked_by"] or ()) for row in rows):
        return {}
    found = await guest.ask("locks_prepared", seconds=_SECONDS)
    if isinstance(found, Unknown):
        return {}
    return {row["transaction"]: _prepared_of(row) for row in found}


def _prepared_of(row: Any) -> Prepared:
    gid, owner, database = (decode(row[name]) or "" for name in ("gid", "owner", "database"))
    return Prepared(gid, literal(gid), owner, database, row["seconds"])


def literal(text: str) -> str:
    """A string as SQL, whatever standard_conforming_strings says; what no terminal can show stands as its number.

    >>> print(literal("it's"), literal("a" + chr(92)), literal("red" + chr(27)))
    'it''s' E'a\\\\' E'red\\u001B'
    """
    quoted = text.replace("'", "''")
    shown = "".join(map(_escaped, quoted))
    return f"'{quoted}'" if shown == quoted else f"E'{shown}'"


def _escaped(char: str) -> str:
    if char == "\\":
        return "\\\\"
    code = ord(char)
    if safe(char) == char and char != "\n":
        return char
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


async def _names(guest: Guest, rows: Sequence[Any]) -> dict[int, str]:
    """Names of this database's relations; without them their numbers are shown."""
    here = (0, guest.host.database_oid)
    wanted = sorted({row["relation"] for row in rows if row["relation"] and row["database_oid"] in here})
    found = await guest.ask("locks_names", wanted, seconds=_SECONDS) if wanted else []
    return {} if isinstance(found, Unknown) else {row["oid"]: row["name"] for row in found}
