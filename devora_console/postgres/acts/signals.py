"""Cancel and terminate: the session that was looked at, and no later one with its process id."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Sequence
from typing import Any

from devora_console.core.clock import span
from devora_console.core.console import Preview
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.model import Check, Kind, Plan, Request
from devora_console.postgres.acts.refusals import RUNS, ended, on_session, refuse
from devora_console.postgres.acts.things import known
from devora_console.postgres.encodings import decode
from devora_console.postgres.watch.guest import Guest

_PATIENCE_SECONDS = 5.0
_STEP_SECONDS = 0.1


async def prepare_signal(guest: Guest, request: Request, patience: float, console: Sequence[str]) -> Plan:
    """The plan to signal a session. Raises ConsoleError: exit 2 when there is none, 4 when it may not be signalled."""
    pid = _pid(request.name)
    row = await _look(guest, pid)
    if row is None:
        raise usage_error("no_session", f"there is no session {pid}", "See: devora-console activity --all")
    refuse(request, on_session(request, row, guest.host))
    statement = _statement(request.kind, row)
    return Plan(
        request=request,
        oid=pid,
        quoted=str(pid),
        statement=statement,
        preview=Preview(
            title=f"{str(request.kind).capitalize()} session {pid} of {row['user']} on {row['database']}",
            consequence=_consequence(request.kind, row),
            locks=_locks(request.kind),
            sql=f"{statement};",
            command=(
                f"{shlex.join(console)} act {request.kind} {pid} --started {row['backend_start'].isoformat()} "
                + (f"--statement {row['query_start'].isoformat()} " if request.kind is Kind.CANCEL else "")
                + f"--yes-i-typed {pid}"
            ),
            type_name=str(pid),
        ),
        undo="",
        lock_timeout=patience,
        guards=(row["backend_start"], row["query_start"]),
    )


async def gone(guest: Guest, plan: Plan) -> str:
    """Why there is nothing to signal any more: the session of the plan, or for a cancel the statement that was looked
    at, has ended. Empty while it is still there.
    """
    row = await _look(guest, plan.oid)
    if row is None or row["backend_start"] != plan.guards[0]:
        return f"session {plan.oid} had ended before the signal was sent"
    if plan.request.kind is Kind.TERMINATE or (row["state"] in RUNS and row["query_start"] == plan.guards[1]):
        return ""
    return ended(row)


async def verify_signal(guest: Guest, plan: Plan) -> tuple[Check, ...]:
    """Look whether the signal did it; the server answers that it was sent, not that it worked."""
    ends = time.monotonic() + _PATIENCE_SECONDS
    while there := not await gone(guest, plan):
        if time.monotonic() >= ends:
            break
        await asyncio.sleep(_STEP_SECONDS)
    what = "statement of session" if plan.request.kind is Kind.CANCEL else "session"
    words = f"{what} {plan.oid} has ended"
    if there:
        words += f" within {span(_PATIENCE_SECONDS)} (a signal waits while the session is in the kernel)"
    return (Check(words, ok=not there),)


async def _look(guest: Guest, pid: int) -> Any:
    how = "send" if guest.host.encoding == "UTF8" else "bytes"
    rows = known(await guest.ask("act_session", pid, how))
    if not rows:
        return None
    row = dict(rows[0])
    row["user"], row["database"] = decode(row["user"]), decode(row["database"])
    row["query"] = decode(row["query"], row["encoding"]) or ""
    return row


def _pid(written: str) -> int:
    if not written.isdecimal() or not 0 < int(written) < 2**31:
        raise usage_error("pid", f"{one_line(written, 40)!r} is not a process id", "See: devora-console activity")
    return int(written)


def _statement(kind: Kind, row: Any) -> str:
    """Only while it is the same session, and for a cancel the same statement."""
    function = "pg_cancel_backend" if kind is Kind.CANCEL else "pg_terminate_backend"
    text = (
        f"SELECT pg_catalog.{function}(a.pid) AS sent FROM pg_catalog.pg_stat_activity a "  # noqa: S608 - a number
        f"WHERE a.pid = {row['pid']} AND a.backend_start = '{row['started_literal']}'"
    )
    return text + (f" AND a.query_start = '{row['statement_literal']}'" if kind is Kind.CANCEL else "")


def _consequence(kind: Kind, row: Any) -> str:
    query = one_line(row["query"], 200)
    state, seconds = row["state"], row["statement_seconds" if row["state"] == "active" else "state_seconds"]
    now = f"it is {state} for {span(max(0.0, seconds or 0.0))}: {query}"
    if kind is Kind.CANCEL:
        return f"Its statement fails with an error and its transaction with it; the session stays. Now {now}"
    words = "The connection ends and its open transaction is rolled back; the application sees a lost connection."
    if state == "active":
        words += f" To end the statement alone, cancel first: devora-console act cancel {row['pid']}."
    return f"{words} Now {now}"


def _locks(kind: Kind) -> str:
    if kind is Kind.CANCEL:
        return "Locks nothing; frees the locks of the failed transaction, or, inside a savepoint, those taken since."
    return "Locks nothing; frees every lock the session holds, once its work is rolled back."


def unsent(rows: Any) -> bool:
    """Whether the statement found nobody to signal, or could not."""
    return isinstance(rows, Unknown) or not rows or rows[0]["sent"] is not True
