"""Asking a server for its statements: the place, the numbers without texts, and what runs now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from devora_console.core.clock import utc_now
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.names import numbers, quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.statements.missing import place_of, unavailable, unloaded
from devora_console.postgres.statements.snapshot import (
    Counters,
    Info,
    Key,
    Place,
    Running,
    RunningSnapshot,
    StatementsSample,
)
from devora_console.postgres.watch.guest import HERE, TAG, Guest
from devora_console.postgres.watch.window import StatsWindow, read_window

_KEY = len(Key._fields)
_PLACE_SECONDS = 60.0
_TOGETHER = 5.0  # seconds a start takes from one kind of statistics to the other


async def read_numbers(guest: Guest, like: StatementsSample | None = None) -> StatementsSample | Unknown:
    """Every statement's counters, without texts, or which of the ways to have none it is.

    ``like`` is the previous sample: where the extension is is taken from it for a minute, and entries that did not
    change are shared with it, so that many samples fit in memory. Raises ConsoleError when the connection is lost.
    """
    if like is not None and (utc_now() - like.as_of).total_seconds() < _PLACE_SECONDS:
        sample = await _sample(guest, like.place, like)
        if not isinstance(sample, Unknown):
            return sample
    place = await read_place(guest)
    return place if isinstance(place, Unknown) else await _sample(guest, place, like)


async def read_place(guest: Guest) -> Place | Unknown:
    """Where the extension is in this database, or what is missing."""
    rows = await ask(guest, "statements_place")
    if isinstance(rows, Unknown):
        return rows
    row = rows[0]
    if row["loaded"]:
        return place_of(dict(row), numbers(row["version"] or ""), guest.host.version)
    available = await ask(guest, "statements_available")
    if not isinstance(available, Unknown) and not available[0]["available"]:
        return unavailable()
    in_file = await guest.one("doctor_preload_file") if guest.host.superuser else None
    return unloaded(
        row["version"] is not None,
        None if in_file is None or isinstance(in_file, Unknown) else in_file["setting"],
        row["preload"],
        superuser=guest.host.superuser,
    )


async def ask(
    guest: Guest, name: str, *values: Any, place: Place | None = None, seconds: float = 5.0, again: bool = False
) -> Sequence[asyncpg.Record] | Unknown:
    """Rows of a question, or Unknown. ``place``: it goes to the extension's own schema.

    A failure is remembered unless ``again``.
    """
    text, number = sql(HERE, name, 0 if place is None else place.number), ""
    if place is not None:
        text, number = text.replace("{schema}", quoted(place.schema)), f" {place.oid} {place.schema} {place.number}"
    return await guest.query(text, *values, seconds=seconds, remember=None if again else f"{name}{number}")


async def _sample(guest: Guest, place: Place, like: StatementsSample | None) -> StatementsSample | Unknown:
    # An eviction while the rows are read is seen by comparing the info before with the one after.
    # What else is asked comes first: it makes entries of its own, which may evict others.
    window = await read_window(guest) if like is None else None
    as_of = utc_now()
    first = await ask(guest, "statements_info", place=place)
    if isinstance(first, Unknown):
        return first
    rows = await ask(guest, "statements_numbers", place=place)
    if isinstance(rows, Unknown):
        return rows
    last = await ask(guest, "statements_info", place=place)
    if isinstance(last, Unknown):
        return last
    found, hidden = _rows(rows, like.rows if like is not None else {})
    info = Info(*last[0])
    lost_by = like.lost_by if like is not None else ""
    if like is None or like.reset != info.reset:
        lost_by = _lost_by(info.reset, await read_window(guest) if window is None else window)
    return StatementsSample(
        as_of=as_of,
        place=like.place if like is not None and like.place == place else place,
        first=Info(*first[0]),
        last=info,
        rows=found,
        hidden=hidden,
        block_size=guest.host.block_size,
        lost_by=lost_by,
    )


def _lost_by(reset: datetime | None, window: StatsWindow | Unknown) -> str:
    """What emptied the statistics at this moment, where all of the server's began anew then; else empty."""
    if reset is None or not isinstance(window, StatsWindow) or window.anew is None:
        return ""
    return window.cause if abs((reset - window.anew).total_seconds()) < _TOGETHER else ""


def _rows(rows: Sequence[asyncpg.Record], known: Mapping[Key, Counters]) -> tuple[dict[Key, Counters], int]:
    """Entries by key, objects shared with ``known`` where nothing changed, and how many are hidden."""
    found: dict[Key, Counters] = {}
    hidden = 0
    for row in rows:
        values = tuple(row)
        if values[2] is None:
            hidden += 1
            continue
        key, counted = Key._make(values[:_KEY]), Counters._make(values[_KEY:])
        was = known.get(key)
        found[key] = was if was == counted else counted
    return found, hidden


async def read_running(
    guest: Guest, min_ms: float, known: Mapping[Key, Counters] | None = None
) -> RunningSnapshot | Unknown:
    """Statements that have been running for ``min_ms`` milliseconds or longer; the longest first.

    ``known`` are the rows of a sample: whether earlier executions were counted.
    """
    rows = await ask(guest, "statements_running", min_ms)
    if isinstance(rows, Unknown):
        return rows
    found: list[Running] = []
    hidden = untold = ours = 0
    for row in rows:
        if row["state"] is None:
            hidden += 1
        elif row["state"] == "disabled":
            untold += 1
        elif row["text"].startswith(TAG.encode()):
            ours += 1
        else:
            found.append(_running(row, known or {}))
    found.sort(key=lambda each: -each.ms)
    return RunningSnapshot(tuple(found), min_ms, hidden, untold, ours)


def _running(row: asyncpg.Record, known: Mapping[Key, Counters]) -> Running:
    key = None if row["queryid"] is None else Key(row["userid"], row["dbid"], row["queryid"], True)
    return Running(
        pid=row["pid"],
        started=row["started"],
        ms=max(0.0, row["ms"]),
        key=key,
        counted=key is not None and (key in known or key._replace(toplevel=None) in known),
        waits_for=row["waits_for"] or "",
        text=decode(row["text"], row["encoding"]) or "",
        cut=row["cut"],
        database=decode(row["database"]) or "",
        user=decode(row["user"]) or "",
    )
