"""Locks in words: which modes conflict, what a lock is on, what its holder does and what would free it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devora_console.core.clock import span
from devora_console.core.safetext import one_line
from devora_console.postgres.activity.judge import AUTOVACUUM
from devora_console.postgres.activity.snapshot import ABORTED, Prepared, Session
from devora_console.postgres.locks import MIGRATION

_SHARE, _ROW_EXCLUSIVE = "ShareLock", "RowExclusiveLock"
_STRONG = ("ExclusiveLock", "AccessExclusiveLock")
_MIDDLE = ("ShareRowExclusiveLock", *_STRONG)
_CONFLICTS: Mapping[str, frozenset[str]] = {
    "AccessShareLock": frozenset({"AccessExclusiveLock"}),
    "RowShareLock": frozenset(_STRONG),
    "RowExclusiveLock": frozenset({_SHARE, *_MIDDLE}),
    "ShareUpdateExclusiveLock": frozenset({"ShareUpdateExclusiveLock", _SHARE, *_MIDDLE}),
    "ShareLock": frozenset({_ROW_EXCLUSIVE, "ShareUpdateExclusiveLock", *_MIDDLE}),
    "ShareRowExclusiveLock": frozenset({_ROW_EXCLUSIVE, "ShareUpdateExclusiveLock", _SHARE, *_MIDDLE}),
    "ExclusiveLock": frozenset({"RowShareLock", _ROW_EXCLUSIVE, "ShareUpdateExclusiveLock", _SHARE, *_MIDDLE}),
    "AccessExclusiveLock": frozenset(
        {"AccessShareLock", "RowShareLock", _ROW_EXCLUSIVE, "ShareUpdateExclusiveLock", _SHARE, *_MIDDLE}
    ),
}


def conflict(one: str, other: str) -> bool:
    """Whether two modes on the same thing exclude each other; a mode of an extension we do not know does.

    >>> conflict('AccessShareLock', 'RowExclusiveLock'), conflict('AccessShareLock', 'AccessExclusiveLock')
    (False, True)
    """
    return one not in _CONFLICTS or other in _CONFLICTS[one]


def lock_object(row: Mapping[str, Any], names: Mapping[int, str], databases: Mapping[int, str], here: int) -> str:
    """What a row of pg_locks is about; ``names`` are of relations of the database ``here``."""
    kind, oid = row["locktype"], row["relation"]
    relation = _relation(row, names, databases, here) if oid is not None else ""
    if kind == "relation":
        return relation
    if kind == "tuple":
        return f"row ({row['page']},{row['tuple']}) of {relation}"
    if kind == "page":
        return f"page {row['page']} of {relation}"
    if kind == "extend":
        return f"growth of {relation}"
    if kind == "transactionid":
        return f"end of transaction {row['transactionid']}"
    if kind == "virtualxid":
        return f"end of transaction {row['virtualxid']} (virtual)"
    if kind == "advisory":
        return _advisory(row)
    where = databases.get(row["database_oid"] or 0)
    return f"{kind} {row['classid']}/{row['objid']}" + (f" of database {where}" if where else "")


def _relation(row: Mapping[str, Any], names: Mapping[int, str], databases: Mapping[int, str], here: int) -> str:
    oid, database = row["relation"], row["database_oid"]
    if database in (0, here) and oid in names:
        return names[oid]
    if database in (0, here):
        return f"relation {oid}"
    return f"relation {oid} of database {databases.get(database, str(database))}"


def _advisory(row: Mapping[str, Any]) -> str:
    """A key of 64 bits is stored in two halves; objsubid tells one key from two."""
    high, low = row["classid"], row["objid"]
    if row["objsubid"] == 1:
        key = (high << 32) | low
        if key == MIGRATION:
            return "advisory lock of this console's migration"
        return f"advisory lock {key - (1 << 64) if key >= 1 << 63 else key}"
    return f"advisory lock ({_signed(high)}, {_signed(low)})"


def _signed(number: int) -> int:
    return number - (1 << 32) if number >= 1 << 31 else number


def doing(session: Session | None, prepared: Prepared | None) -> str:
    """What a node does just now, to follow 'which ...'."""
    if prepared is not None:
        return f"has been prepared for {span(prepared.seconds)} by {one_line(prepared.owner, 60)}"
    if session is None:
        return "is a session that has ended meanwhile, or a transaction that could not be found"
    if session.hidden:
        return "does what this user may not see"
    if session.waits_for_lock:
        return "waits itself"
    for_ = span(session.seconds or 0.0)
    if session.state == ABORTED:
        return f"is idle in a failed transaction for {for_}"
    if session.idle_in_transaction:
        return f"is idle in its transaction for {for_}"
    if session.state == "idle":
        return f"is idle for {for_} (a lock of its session, not of a transaction)"
    if session.backend_type == AUTOVACUUM:
        return f"is an autovacuum worker, busy for {for_}"
    wait = f", waiting for {session.wait_type} {session.wait_event}" if session.wait_event else ""
    return f"runs a statement for {for_}{wait}"


def frees(session: Session | None, prepared: Prepared | None, *, circle: bool = False) -> tuple[str, str]:
    """What would free those who wait for it, in words, and as exact SQL or a command where there is one.

    ``circle``: it waits for itself in the end.
    """
    if prepared is not None:
        where = one_line(prepared.database, 60)
        words = f"its coordinator finishes it; by hand in database {where}, as its owner or a superuser, one of"
        return words, f"COMMIT PREPARED {prepared.literal};\nROLLBACK PREPARED {prepared.literal};"
    if session is None:
        return "look again", "devora-console locks"
    end = f"devora-console act terminate {session.pid}"
    if circle:
        words = (
            "a circle, in which nobody gets on: the server ends one of them after deadlock_timeout of that session; "
            "cancelling one frees the others"
        )
        return words, f"devora-console act cancel {session.pid}"
    if session.hidden:
        return "what it does has to be seen first, by a user with pg_read_all_stats", ""
    if session.idle_in_transaction:
        return "COMMIT or ROLLBACK in the application; cancelling does nothing to an idle session, ending it does", end
    if session.state == "idle":
        return "pg_advisory_unlock in the application, or the end of its session", end
    if session.backend_type == AUTOVACUUM:
        if isinstance(session.query, str) and "to prevent wraparound" in session.query:
            return "let it finish: it prevents wraparound, and would begin again at once", ""
        return "it gives way by itself within deadlock_timeout", f"devora-console act cancel {session.pid}"
    return "its statement ends, and then its transaction; cancelling the statement first", (
        f"devora-console act cancel {session.pid}"
    )
