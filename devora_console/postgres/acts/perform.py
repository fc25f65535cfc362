"""Run a plan: look again, write the intent down, run the one statement, tell how far it is, verify, write that down."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import ConsoleError, refused, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.log import ActLog
from devora_console.postgres.acts.model import ON_SESSIONS, Check, Leftover, Outcome, Plan, Result
from devora_console.postgres.acts.refusals import on_thing, refuse
from devora_console.postgres.acts.signals import gone, unsent
from devora_console.postgres.acts.things import read
from devora_console.postgres.acts.verify import Before, leftovers, look_before, verify
from devora_console.postgres.connect import LOST, close, connect, place
from devora_console.postgres.watch.guest import Guest

Narrate = Callable[[str], None]
_STEP_SECONDS = 1.0
_CAN_BE_TRIED_AGAIN = ("55P03", "57014", "40P01", "40001")
_UNTOLD = "the connection was lost before the server told how it ended: whether it finished, or still runs, is unknown"
_BACK_SECONDS = 10.0  # how long a server that restarts is waited for, to look at what became of the act
_NOBODY = "the session, or its statement, had ended before the signal was sent"


@dataclass(slots=True)
class _Ended:
    """How the statement itself ended."""

    outcome: Outcome
    sqlstate: str | None = None
    message: str = ""


async def perform(guest: Guest, plan: Plan, dsn: Dsn | None, log: ActLog, narrate: Narrate) -> Result:
    """Do it; the guard has permitted it. Cancelling the task stops the statement, and still reports what is left.

    ``guest`` watches and verifies. Raises ConsoleError when it was not begun: exit 2 the object is gone, 4 it is not
    the one that was previewed or cannot be recorded, 3 no connection.
    """
    await _the_same(guest, plan)
    before = await look_before(guest, plan)
    opened = await connect(
        dsn,
        purpose=f"act {plan.request.kind}",
        read_only=False,
        statement_timeout_seconds=0,  # a time limit would leave half an index behind
        more={"lock_timeout": str(round(plan.lock_timeout * 1000)), "search_path": '"$user", public'},
    )
    notices: list[str] = []
    opened.add_log_listener(lambda _, message: notices.append(one_line(str(message), 300)))
    try:
        key = log.intend(
            act=str(plan.request.kind),
            object_=plan.quoted if plan.oid else f"database {guest.host.database}",
            server=place(dsn),
            user=_person(),
            sql=plan.statement,
        )
        began = time.monotonic()
        ended = await _run(opened, guest, plan, narrate, dsn)
        seconds = time.monotonic() - began
    finally:
        await close(opened)
    checks, left = await _look_after(guest, plan, dsn, before, ended)
    if ended.outcome is Outcome.DONE and not all(check.ok is True for check in checks):
        ended.outcome = Outcome.UNVERIFIED
    try:
        log.ended(key, result=str(ended.outcome), seconds=seconds, sqlstate=ended.sqlstate, message=ended.message)
    except ConsoleError as error:  # it has been done: that must still be told
        notices.append(str(error.problem))
    return Result(ended.outcome, seconds, ended.sqlstate, ended.message, checks, left, tuple(notices))


def _person() -> str:
    """Who is at the keyboard; the number where the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


async def _the_same(guest: Guest, plan: Plan) -> None:
    """What was previewed is what there is now, under the same name, and still may be touched."""
    if plan.request.kind in ON_SESSIONS:
        if why := await gone(guest, plan):
            raise usage_error("no_session", f"nothing was sent: {why}", "Look again: devora-console activity")
        return
    if not plan.oid:
        return
    thing = await read(guest, plan.oid)
    if thing is None:
        raise usage_error("no_object", f"{plan.quoted} has been dropped meanwhile")
    if thing.quoted != plan.quoted:
        raise refused("renamed", f"{plan.quoted} is called {thing.quoted} by now", "Look at the preview again")
    refuse(plan.request, on_thing(plan.request, thing, guest.host))


async def _run(
    opened: asyncpg.Connection[asyncpg.Record], guest: Guest, plan: Plan, narrate: Narrate, dsn: Dsn | None
) -> _Ended:
    """The statement to its end, with what it waits for told meanwhile."""
    # Simple protocol without arguments: nothing opens a transaction around it.
    signal = plan.request.kind in ON_SESSIONS
    task: asyncio.Future[Any] = asyncio.ensure_future(
        opened.fetch(plan.statement) if signal else opened.execute(plan.statement)
    )
    over = asyncio.Event()
    watch = asyncio.ensure_future(_watch(guest, opened.get_server_pid(), narrate, over))
    try:
        answer = await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None:  # it had just ended by itself
            return _Ended(Outcome.DONE)
        return _Ended(Outcome.INTERRUPTED, None, "interrupted by the person who began it")
    except LOST as error:  # before other errors: the driver words some of these as the server's
        return _Ended(Outcome.UNKNOWN, None, f"{_UNTOLD} ({one_line(scrub(str(error), dsn), 200)})")
    except asyncpg.PostgresError as error:
        again = error.sqlstate in _CAN_BE_TRIED_AGAIN or str(error.sqlstate).startswith("53")
        said = one_line(scrub(str(error), dsn), 300)
        return _Ended(Outcome.STOPPED if again else Outcome.FAILED, error.sqlstate, said)
    finally:
        over.set()  # not cancelled: that would cost the session that has to look afterwards
        await asyncio.wait({watch})
    if signal and unsent(answer):
        return _Ended(Outcome.UNVERIFIED, None, _NOBODY)
    return _Ended(Outcome.DONE)


async def _watch(guest: Guest, pid: int, narrate: Narrate, over: asyncio.Event) -> None:
    """Once a second, and only when it changed: how far it is, and whom it waits for. Until ``over``."""
    told = ""
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _STEP_SECONDS)
            return
        try:
            row = await guest.one("act_progress", pid)
        except ConsoleError:  # the act has a session of its own, which may be well
            return
        line = "" if isinstance(row, Unknown) else progress_line(row)
        if line and line != told:
            told = line
            narrate(line)


def progress_line(row: Any) -> str:
    """One line of how far it is.

    >>> progress_line({"phase": "scanning heap", "done": 5, "total": 20, "unit": "blocks", "waits": False})
    'scanning heap: 5 of 20 blocks'
    """
    words = row["phase"] or ""
    if words and row["total"]:
        words += f": {row['done']} of {row['total']} {row['unit']}"
    if row["waits"]:
        pids = [str(pid) if pid else "a prepared transaction" for pid in dict.fromkeys(row["blocked_by"] or ())]
        words += f"{'; ' if words else ''}waits for {', '.join(pids) or 'a lock'} (see: devora-console locks)"
    return words


async def _look_after(
    guest: Guest, plan: Plan, dsn: Dsn | None, before: Before, ended: _Ended
) -> tuple[tuple[Check, ...], tuple[Leftover, ...] | Unknown]:
    """Look over a new session where the act's was lost: what took that may have taken the guest's too."""
    if ended.outcome is not Outcome.UNKNOWN:
        return await _afterwards(guest, plan, before, ended)
    ends = time.monotonic() + _BACK_SECONDS
    while True:
        try:
            fresh = await Guest.enter(dsn, purpose="act")
            break
        except ConsoleError as error:
            if time.monotonic() >= ends:
                why = Unknown(error.problem.message, error.problem.remedy)
                return (Check("the effect", why),), why
            await asyncio.sleep(_STEP_SECONDS / 2)
    try:
        return await _afterwards(fresh, plan, before, ended)
    finally:
        await fresh.leave()


async def _afterwards(
    guest: Guest, plan: Plan, before: Before, ended: _Ended
) -> tuple[tuple[Check, ...], tuple[Leftover, ...] | Unknown]:
    """Whether it worked, and what lies about. That this cannot be seen is said too, never taken for success."""
    looked_for = ended.outcome in (Outcome.DONE, Outcome.UNKNOWN)
    try:
        checks = await verify(guest, plan, before) if looked_for else ()
    except ConsoleError as error:
        checks = (Check("the effect", Unknown(error.problem.message, error.problem.remedy)),)
    try:
        return checks, await leftovers(guest, plan, before)
    except ConsoleError as error:
        return checks, Unknown(error.problem.message, "Later: devora-console indexes --invalid")
