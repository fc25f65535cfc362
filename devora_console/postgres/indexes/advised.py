"""What the plans of slow statements suggest: indexes worth trying, and why the other statements suggest none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import KeyColumn
from devora_console.postgres.statements.snapshot import Share


@dataclass(frozen=True, slots=True)
class Asking:
    """A slow statement. ``queryid`` is text, as 64 bits would not survive every reader of JSON. ``share``: its part of
    the time of all statements since the reset; ``text`` as it is.
    """

    queryid: str
    user: str | Unknown
    calls: int
    mean_ms: float
    total_ms: float
    share: Share | Unknown
    text: str | Unknown


@dataclass(frozen=True, slots=True)
class Gain:
    """What one statement would gain. Costs are in the planner's units, ``cost_after`` Unknown where it was not asked;
    ``scan_percent``: what reading the table takes of that, ``saved_percent``: what the index would save of it.
    """

    statement: Asking
    cost_before: float
    scan_percent: float
    saved_percent: float
    cost_after: float | Unknown


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An index that does not exist. ``rows`` of the table now, ``rows_left`` of them to look at with the index, both by
    statistics. ``size_bytes`` is estimated, ``rows_per_entry`` where equal values are stored once.
    ``instead_of``: what is read now. ``keys`` are its columns as the catalogue has them; ``nulls``: it is to find NULL.
    """

    table_oid: int
    columns: tuple[str, ...]
    rows: float
    rows_left: float
    size_bytes: int
    entry_bytes: int
    rows_per_entry: float
    writes_per_day: float | Unknown
    gains: tuple[Gain, ...]
    instead_of: str = "all"
    keys: tuple[KeyColumn, ...] = ()
    nulls: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why some statements suggest nothing: ``words`` for all of ``statements`` (queryids)."""

    words: str
    statements: tuple[str, ...]
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """As of ``as_of``: of ``slow`` statements the ``asked`` costliest were looked at.

    ``unknown``: they could not be planned, or statistics are missing; ``declined``: no index would help. ``hidden``
    entries belong to others and were not seen. ``planner``: whether it was asked with hypopg, or why not.
    """

    as_of: datetime
    slow: int
    asked: int
    suggestions: tuple[Suggestion, ...]
    unknown: tuple[Refusal, ...] = ()
    declined: tuple[Refusal, ...] = ()
    hidden: int = 0
    planner: bool | Unknown = False
