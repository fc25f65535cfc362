"""Metrics of sessions, locks and statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from devora_console.analytics.exporter.family import OTHER, About, Family, Value, Values, seconds
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.snapshot import (
    ABORTED,
    IN_TRANSACTION,
    ActivitySnapshot,
    LockNode,
    LocksSnapshot,
    Session,
)
from devora_console.postgres.statements import QueriesSnapshot, Statement, StatementsSnapshot, over_interval

_STATES = ("active", "idle", IN_TRANSACTION, ABORTED)
_HIDDEN = "hidden"
_FIRST = Unknown("statements are compared over an interval, and there is only one look yet", "Wait for the next look")


def _sessions(seen: ActivitySnapshot, _: About) -> Values:
    counts = Counter(
        _HIDDEN if each.hidden else each.state if each.state in _STATES else OTHER for each in seen.sessions
    )
    return {(state,): counts[state] for state in (*_STATES, OTHER, _HIDDEN)}


def _longest(seen: ActivitySnapshot, found: Iterable[float | None]) -> Value:
    """Over the sessions that may be looked at; where none of those is long and others are hidden, nobody knows."""
    longest = max((each for each in found if each is not None), default=0.0)
    if not longest and seen.hidden:
        return Unknown(f"{seen.hidden} sessions may not be looked at", seen.hidden_remedy)
    return max(0.0, longest)


def _transaction(seen: ActivitySnapshot, _: About) -> Values:
    return _longest(seen, (each.transaction_seconds for each in seen.sessions))


def _idle(seen: ActivitySnapshot, _: About) -> Values:
    def idle(each: Session) -> float | None:
        return each.state_seconds if each.idle_in_transaction else None

    return _longest(seen, map(idle, seen.sessions))


def _nodes(roots: Iterable[LockNode]) -> Iterator[LockNode]:
    for each in roots:
        yield each
        yield from _nodes(each.waiters)


def _wait(seen: LocksSnapshot, _: About) -> Values:
    waits = [node.waits.seconds for node in _nodes(seen.roots) if node.waits is not None]
    known = [each for each in waits if isinstance(each, int | float)]
    unknown = next((each for each in waits if isinstance(each, Unknown)), None)
    return max(known) if known else unknown or 0.0


def _statements(seen: QueriesSnapshot) -> StatementsSnapshot | Unknown:
    return seen.statements


def _slow(seen: QueriesSnapshot, _: About) -> Values:
    found = _statements(seen)
    if isinstance(found, Unknown):
        return found
    if not found.over_interval:
        return _FIRST
    if found.hidden and not found.slow:
        return Unknown(f"{found.hidden} statements of others may not be looked at", found.place.grant)
    return found.slow


def _hidden(seen: QueriesSnapshot, _: About) -> Values:
    found = _statements(seen)
    return found if isinstance(found, Unknown) else found.hidden


def _running(seen: QueriesSnapshot, _: About) -> Values:
    return seen.running if isinstance(seen.running, Unknown) else len(seen.running.statements)


def _load(seen: QueriesSnapshot, _: About) -> Values:
    found = _statements(seen)
    if isinstance(found, Unknown):
        return found
    lasted = found.window.seconds
    if isinstance(lasted, Unknown):
        return _FIRST
    return found.window.interval.ms / 1000 / lasted if lasted else _FIRST


def _heaviest(seen: QueriesSnapshot, about: About) -> tuple[list[tuple[Statement, float, float]], Unknown | None]:
    """The statements that took most of the interval: each with its milliseconds and its calls."""
    found = _statements(seen)
    if isinstance(found, Unknown):
        return [], found
    if not found.over_interval:
        return [], _FIRST
    rows = []
    for each in found.statements:
        figures = over_interval(each, found.place)
        if not isinstance(figures, Unknown) and figures.calls and not each.nested:
            rows.append((each, figures.exec_ms, float(figures.calls)))
    rows.sort(key=lambda row: (-row[1], row[0].key.queryid))
    return rows[: about.top], None


def _mean(seen: QueriesSnapshot, about: About) -> Values:
    rows, why = _heaviest(seen, about)
    if why is not None:
        return why
    spent: dict[tuple[str, ...], tuple[float, float]] = {}
    for each, ms, calls in rows:  # one text may be an entry of several users
        before = spent.get((str(each.key.queryid),), (0.0, 0.0))
        spent[(str(each.key.queryid),)] = (before[0] + ms, before[1] + calls)
    return {key: seconds(ms / calls) for key, (ms, calls) in spent.items()}


def _share(seen: QueriesSnapshot, about: About) -> Values:
    rows, why = _heaviest(seen, about)
    found = _statements(seen)
    if why is not None or isinstance(found, Unknown) or isinstance(found.window.seconds, Unknown):
        return why
    spent: dict[tuple[str, ...], Value] = {}
    for each, ms, _ in rows:
        key = (str(each.key.queryid),)
        before = spent.get(key, 0.0)
        assert isinstance(before, int | float)
        spent[key] = before + ms / 1000 / found.window.seconds
    rest = found.window.interval.ms - sum(ms for _, ms, _ in rows)
    spent[(OTHER,)] = max(0.0, rest / 1000 / found.window.seconds)
    return spent


FAMILIES = (
    Family(
        "connections",
        "Client connections in use.",
        "activity",
        "pg_stat_activity",
        lambda seen, _: seen.connections.used,
    ),
    Family(
        "connections_usable",
        "Client connections that ordinary roles may have: max_connections less those reserved.",
        "activity",
        "pg_settings",
        lambda seen, _: seen.connections.usable,
    ),
    Family(
        "sessions",
        "Client sessions by what they do; hidden: this login may not see it.",
        "activity",
        "pg_stat_activity",
        _sessions,
        ("state",),
    ),
    Family(
        "longest_transaction_seconds",
        "Age of the oldest open transaction of the sessions that may be looked at.",
        "activity",
        "pg_stat_activity.xact_start",
        _transaction,
    ),
    Family(
        "longest_idle_in_transaction_seconds",
        "How long a session has had a transaction open and nothing to do, the longest of those that may be looked at.",
        "activity",
        "pg_stat_activity.state_change",
        _idle,
    ),
    Family(
        "lock_waiting_sessions",
        "Sessions that wait for a lock.",
        "locks",
        "pg_locks, pg_blocking_pids()",
        lambda seen, _: seen.waiting,
    ),
    Family(
        "lock_blocking_sessions",
        "Sessions at the root of a tree of waiters.",
        "locks",
        "pg_locks, pg_blocking_pids()",
        lambda seen, _: len(seen.roots),
    ),
    Family(
        "lock_longest_wait_seconds",
        "How long the longest wait for a lock has lasted.",
        "locks",
        "pg_locks.waitstart",
        _wait,
    ),
    Family(
        "slow_statements",
        "Statements whose mean over the last minutes is above queries.slow_ms, of those that may be looked at.",
        "queries",
        "pg_stat_statements",
        _slow,
    ),
    Family(
        "slow_statements_running",
        "Statements that have been running for longer than queries.slow_ms just now.",
        "queries",
        "pg_stat_activity",
        _running,
    ),
    Family(
        "hidden_statements",
        "Statements of other roles that this login may not see.",
        "queries",
        "pg_stat_statements",
        _hidden,
    ),
    Family(
        "statements_load",
        "Seconds of execution per second over the last minutes, all statements together.",
        "queries",
        "pg_stat_statements",
        _load,
    ),
    Family(
        "statement_load",
        "Seconds of execution per second over the last minutes, of the costliest statements; other: all the rest.",
        "queries",
        "pg_stat_statements",
        _share,
        ("queryid",),
    ),
    Family(
        "statement_mean_seconds",
        "Mean execution time over the last minutes, of the costliest statements (devora-console explain --queryid).",
        "queries",
        "pg_stat_statements",
        _mean,
        ("queryid",),
    ),
)
