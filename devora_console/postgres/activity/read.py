"""Look at the sessions: two short questions, whatever encodings the texts are in and whatever this user may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devora_console.config.thresholds import ActivitySettings
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.judge import CLIENT, connections, judged
from devora_console.postgres.activity.snapshot import ActivitySnapshot, Session
from devora_console.postgres.activity.texts import clipped
from devora_console.postgres.encodings import decode
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, Guest

OURS = "devora-console"
_SECONDS = 3.0
_UNREADABLE = Unknown("in an encoding that this database cannot pass on", "Connect to a database in UTF8")


async def read(guest: Guest, limits: ActivitySettings) -> ActivitySnapshot | Unknown:
    """Every session as of now. Raises ConsoleError when the connection is lost."""
    scope = await guest.one("activity_limits", seconds=_SECONDS)
    if isinstance(scope, Unknown):
        return scope
    rows = await session_rows(guest, blockers=True)
    return rows if isinstance(rows, Unknown) else assemble(rows, scope, limits, guest.host.version)


async def session_rows(guest: Guest, *, blockers: bool) -> Sequence[Any] | Unknown:
    """The rows of activity_sessions; without texts when one is in bytes that cannot be passed on at all."""
    text = sql(HERE, "activity_sessions", guest.host.version)
    how = "send" if guest.host.encoding == "UTF8" else "bytes"
    rows = await guest.query(text, blockers, how, seconds=_SECONDS)
    if isinstance(rows, Unknown) and how == "bytes":
        rows = await guest.query(text, blockers, "none", seconds=_SECONDS)
    return rows


def assemble(
    rows: Sequence[Any], scope: Mapping[str, Any], limits: ActivitySettings, version: int
) -> ActivitySnapshot | Unknown:
    """The snapshot of these rows; ``scope`` is the row of activity_limits."""
    if not rows:
        return Unknown("the server shows no session at all")
    every = sessions_of(rows, scope["query_bytes"])
    shown = [each for each in every if each.database is not None or each.user is not None]
    others = [each for each in shown if not each.application.startswith(OURS)]
    hidden = sum(each.hidden for each in others)
    remedy = hidden_remedy(scope, version) if any(each.hidden for each in shown) else ""
    return ActivitySnapshot(
        as_of=rows[0]["now"],
        sessions=judged(others, limits),
        hidden=hidden,
        hidden_remedy=remedy,
        own=len(shown) - len(others) + 1,  # and the session that asked
        background=len(every) - len(shown),
        connections=connections(
            _used(shown, remedy), maximum=scope["max_connections"], reserved=scope["reserved"], limits=limits
        ),
        thresholds=limits.model_dump(),
    )


def sessions_of(rows: Sequence[Any], query_bytes: int) -> list[Session]:
    """One session per row, parallel workers folded into their leader; not yet judged."""
    pids = {row["pid"] for row in rows}
    workers: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["leader_pid"] in pids and row["leader_pid"] != row["pid"]:
            workers.setdefault(row["leader_pid"], []).append(row)
    folded = {worker["pid"] for group in workers.values() for worker in group}
    return [_session(row, workers.get(row["pid"], []), query_bytes) for row in rows if row["pid"] not in folded]


def _session(row: Mapping[str, Any], workers: Sequence[Any], query_bytes: int) -> Session:
    database, user, application, raw, kind = row["texts"]
    hidden = row["hidden"]
    withheld = Unknown("hidden from this user") if hidden else None
    query = decode(raw, row["encoding"])
    family = [row["pid"], *(each["pid"] for each in workers)]
    # A worker that waits makes the whole statement wait.
    waiting = next((each for each in (row, *workers) if each["wait_type"] == "Lock"), row)
    blockers = (pid for each in (row, *workers) for pid in each["blocked_by"] or ())
    return Session(
        pid=row["pid"],
        workers=tuple(sorted(family[1:])),
        hidden=hidden,
        backend_type=withheld or decode(kind) or Unknown("not told"),
        database=decode(database),
        user=decode(user),
        application=decode(application) or "",
        client=withheld or row["client"],
        state=withheld or row["state"],
        wait_type=withheld or waiting["wait_type"],
        wait_event=withheld or waiting["wait_event"],
        query=withheld or (_UNREADABLE if query is None else query),
        query_truncated=not hidden and raw is not None and clipped(raw, query_bytes),
        query_id=row["query_id"],
        started=row["backend_start"],
        statement_started=row["query_start"],
        transaction_seconds=_age(row["transaction_seconds"]),
        statement_seconds=_age(row["statement_seconds"]),
        state_seconds=_age(row["state_seconds"]),
        wait_seconds=_age(waiting["wait_seconds"]),
        xid_age=row["xid_age"],
        xmin_age=row["xmin_age"],
        blocked_by=tuple(dict.fromkeys(pid for pid in blockers if pid not in family)),
    )


def _age(seconds: float | None) -> float | None:
    """The clock was read before the sessions were: something may have begun in between."""
    return None if seconds is None else max(0.0, seconds)


def _used(shown: Sequence[Session], remedy: str) -> int | Unknown:
    """Client connections, our own included. Hidden ones may be workers or senders, which count elsewhere."""
    certain = 1 + sum(each.backend_type == CLIENT for each in shown)
    unsure = sum(isinstance(each.backend_type, Unknown) for each in shown)
    if unsure:
        hidden = "1 session does not show what it is" if unsure == 1 else f"{unsure} sessions do not show what they are"
        return Unknown(f"between {certain} and {certain + unsure}: {hidden}", remedy)
    return certain


def hidden_remedy(scope: Mapping[str, Any], version: int) -> str:
    """What lets this user see every session; a member whose rights are not inherited needs less than a grant."""
    user = scope["user"]
    if scope["may_read_stats"] and not scope["reads_stats"]:
        if version >= 160000:
            return f"GRANT pg_monitor TO {user} WITH INHERIT TRUE, as a superuser: the membership is not inherited"
        return f"ALTER ROLE {user} INHERIT, as a superuser: its membership is not inherited"
    return f"GRANT pg_monitor TO {user}, as a superuser"
