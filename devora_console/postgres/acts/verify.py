"""What there was before an act and what there is afterwards: only the difference tells whether it worked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.acts.effects import COPY, OPTIONS, format_value
from devora_console.postgres.acts.model import ON_INDEXES, ON_SESSIONS, Check, Kind, Leftover, Plan
from devora_console.postgres.acts.signals import verify_signal
from devora_console.postgres.acts.things import known, read
from devora_console.postgres.watch.guest import Guest

_RELEASE_SECONDS = 6.0  # a server notices within five that a console has vanished
_STATISTICS_SECONDS = 5.0  # statistics arrive a moment after the statement has ended
# After a crash the postmaster lives on, but its counters begin anew, and this one moves.
_COUNTING = "SELECT pg_postmaster_start_time(), stats_reset FROM pg_stat_bgwriter"


@dataclass(frozen=True, slots=True)
class Before:
    """Rows of act_tables and act_indexes as they were; ``scope`` is the OID whose indexes may be left behind,
    ``counting`` since when the server counts.
    """

    scope: int
    tables: Sequence[Any] = ()
    targets: Sequence[Any] = ()
    invalid: frozenset[int] = frozenset()
    counting: tuple[Any, ...] = ()


async def look_before(guest: Guest, plan: Plan) -> Before:
    """What the act will change. Raises ConsoleError (exit 5) when that cannot be seen."""
    kind = plan.request.kind
    if kind in (Kind.VACUUM, Kind.ANALYZE):
        since = known(await guest.query(_COUNTING))
        return Before(plan.oid, tables=known(await guest.ask("act_tables", plan.oid)), counting=tuple(since[0]))
    if kind not in ON_INDEXES:
        return Before(plan.oid)
    thing = await read(guest, plan.oid) if plan.oid else None
    # An index has another OID after it was rebuilt: its table stays.
    scope = thing.table_oid if thing is not None and thing.kind == "i" and thing.table_oid else plan.oid
    targets = known(await guest.ask("act_indexes", plan.oid))
    there = known(await guest.ask("act_indexes", scope))
    return Before(scope, targets=targets, invalid=frozenset(row["oid"] for row in there if not row["valid"]))


async def verify(guest: Guest, plan: Plan, before: Before) -> tuple[Check, ...]:
    """What is to be seen of the act's effect."""
    kind = plan.request.kind
    if kind in ON_SESSIONS:
        return await verify_signal(guest, plan)
    if kind in (Kind.VACUUM, Kind.ANALYZE):
        return await _tables(guest, plan, before)
    if kind is Kind.REINDEX:
        return await _rebuilt(guest, plan, before)
    if kind is Kind.DROP_INDEX:
        gone = not known(await guest.ask("act_exists", [plan.oid]))
        return (Check(f"index {plan.quoted} is gone", gone),)
    return await _options(guest, plan)


async def _tables(guest: Guest, plan: Plan, before: Before) -> tuple[Check, ...]:
    counting = known(await guest.query("SELECT current_setting('track_counts')::boolean AS on"))[0]["on"]
    wanted = [("file", "rewritten")] if plan.request.full else []
    if plan.request.kind is Kind.VACUUM and not plan.request.full:
        wanted.append(("vacuums", "vacuumed"))
    if plan.request.kind is Kind.ANALYZE or plan.request.analyze:
        wanted.append(("analyzes", "analyzed"))
    ends = time.monotonic() + _STATISTICS_SECONDS
    while True:
        after = {row["oid"]: row for row in known(await guest.ask("act_tables", plan.oid))}
        pairs = [(row, after[row["oid"]]) for row in before.tables if row["oid"] in after]
        moved = {key: sum(_moved(key, old, new) for old, new in pairs) for key, _ in wanted}
        if all(count == len(pairs) for count in moved.values()) or time.monotonic() >= ends:
            break
        await asyncio.sleep(0.2)
    checks = []
    for key, word in wanted:
        done: bool | Unknown = moved[key] == len(pairs)
        if not done and key != "file":
            if not counting:
                done = Unknown("track_counts is off: the server does not count", "Turn track_counts on")
            elif await _anew(guest, before) or any(new[key] < old[key] for old, new in pairs):
                done = Unknown("the server's counters were lost or reset meanwhile", "Do it again to be sure")
        words = (
            f"{pairs[0][0]['name']} was {word}" if len(pairs) == 1 else f"{moved[key]} of {len(pairs)} tables {word}"
        )
        checks.append(Check(words, done))
    return tuple(checks)


def _moved(key: str, old: Any, new: Any) -> bool:
    """Another file; or one more counted: fewer means that the counters began anew."""
    return bool(new[key] != old[key] if key == "file" else new[key] > old[key])


async def _anew(guest: Guest, before: Before) -> bool:
    """Whether the server's counters have begun anew since."""
    now = known(await guest.query(_COUNTING))
    return tuple(now[0]) != before.counting


async def _rebuilt(guest: Guest, plan: Plan, before: Before) -> tuple[Check, ...]:
    after = {row["name"]: row for row in known(await guest.ask("act_indexes", before.scope))}
    whole = len(before.targets) > 1 or plan.oid == 0
    # For a whole table the server passes over what is invalid, and what serves an exclusion constraint.
    meant = [row for row in before.targets if row["meant"] and not row["exclusion"] and (row["valid"] or not whole)]
    meant = [row for row in meant if plan.oid or not row["toast"]]
    bad = []
    for row in meant:
        new = after.get(row["name"])
        if new is None or not new["valid"] or (new["oid"], new["file"]) == (row["oid"], row["file"]):
            bad.append(row["name"])
    if len(meant) == 1:
        return (Check(f"index {meant[0]['name']} is a new one, and valid", not bad),)
    words = f"{len(meant) - len(bad)} of {len(meant)} indexes are new ones, and valid"
    return (Check(words + (f" (not {', '.join(bad[:5])})" if bad else ""), not bad),)


async def _options(guest: Guest, plan: Plan) -> tuple[Check, ...]:
    row = known(await guest.one("act_options", plan.oid))
    now = dict(option.partition("=")[::2] for option in row["options"])
    if plan.request.reset:
        return (Check(f"{plan.quoted} follows the server's settings", not OPTIONS.keys() & now.keys()),)
    return tuple(
        Check(f"{plan.quoted} has {name} = {format_value(value)}", name in now and float(now[name]) == value)
        for name, value in plan.request.options.items()
    )


async def leftovers(guest: Guest, plan: Plan, before: Before) -> tuple[Leftover, ...] | Unknown:
    """Invalid indexes within the act's reach, those it left and those that lay there before, with what clears them.
    Those that another session is at work on are none, and new ones not before that session has ended: it may be the
    act's own, which the server has not let go of yet.
    """
    if plan.request.kind not in ON_INDEXES:
        return ()
    ends = time.monotonic() + _RELEASE_SECONDS
    while True:
        rows = [row for row in known(await guest.ask("act_indexes", before.scope)) if not row["valid"]]
        busy = [row["name"] for row in rows if row["at_work"] and row["oid"] not in before.invalid]
        if not busy:
            return tuple(_leftover(row, new=row["oid"] not in before.invalid) for row in rows if not row["at_work"])
        if time.monotonic() >= ends:
            return Unknown(f"a session is at work on {', '.join(busy[:5])}", "Later: devora-console indexes --invalid")
        await asyncio.sleep(0.2)


def _leftover(row: Any, *, new: bool) -> Leftover:
    copy = COPY.search(row["plain"])
    drop = f"DROP INDEX CONCURRENTLY {row['name']};"
    if copy is None:
        why, sql = (
            "invalid: an attempt to drop or to build it was broken off",
            f"{drop}\nREINDEX INDEX CONCURRENTLY {row['name']};",
        )
        why += "; drop it, or rebuild it"
    elif copy[1] == "new":
        why, sql = "the unfinished copy of a rebuild: drop it, then rebuild again", drop
    else:
        why, sql = "the old index after a rebuild that had succeeded: just drop it", drop
    return Leftover(row["name"], why if new else f"{why} (it lay there before)", sql)
