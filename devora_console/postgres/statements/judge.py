"""From two samples to what happened between them; from one to what was counted since the reset. Pure.

An entry's difference is given only where it is certain that the entry was neither reset nor evicted in between (or,
marked, where that is as good as certain); where it was, what it counts now is given only if it began to count inside
the interval. Everything else is Unknown: never a negative figure, never a lifetime's total as an interval's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from devora_console.core.clock import iso
from devora_console.core.unknown import Unknown
from devora_console.postgres.statements.figures import UPDATE
from devora_console.postgres.statements.snapshot import (
    Bound,
    Counters,
    Key,
    Mark,
    Share,
    Statement,
    StatementsSample,
    StatementsSnapshot,
    Total,
    Window,
)

Delta = tuple["Counters | Unknown", "Mark | None"]

_NOT_COUNTERS = frozenset({"min_ms", "max_ms", "since", "minmax_since"})
_ADDS = tuple(name not in _NOT_COUNTERS for name in Counters._fields)
_EVICTED = Unknown(
    "statements were evicted in the interval, perhaps this one",
    f"Raise pg_stat_statements.max (restart needed). From PostgreSQL 17 on each entry has its own date. {UPDATE}",
)
_RESET = Unknown("the statistics were reset in the interval", "Wait for the next interval")
_FELL = Unknown("it was reset or evicted in the interval", "Wait for the next interval")
_ELDER = Unknown("it was counted anew before the interval and was not in the earlier sample")
_UNSEEN = Unknown("the earlier sample may not have shown it: statements of others were hidden")
_OTHER = Unknown("the samples cannot be compared: other statistics", "Wait for the next interval")
_UNTOLD = Unknown("this version of the extension does not tell", UPDATE)
_NO_INTERVAL = Unknown("one look only: an interval needs two", "queries --interval 10")
_NOTHING_RAN = Unknown("nothing was counted")
_INSIDE = Unknown("it took longer than all that ended: the statement around it has not ended yet")
_ENDED = "A statement's time counts when it ends: some had begun before the interval, and all their time is in it."
_STILL = {
    (no_temp, no_jit): Counters(
        0, 0.0, 0, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0,
        None if no_temp else 0.0, None if no_jit else 0.0, 0, 0, 0, None, None,
    )
    for no_temp in (True, False)
    for no_jit in (True, False)
}  # fmt: skip
"""An entry that did not run, by what its extension's version does not have."""


@dataclass(frozen=True, slots=True)
class _Between:
    """What happened to the statistics as a whole between two samples."""

    comparable: bool
    was_reset: bool
    evictions: int | None
    gone: int

    @property
    def suspect(self) -> bool:
        """Whether an entry without a date of its own may have been evicted or reset."""
        return self.was_reset or self.gone > 0 or bool(self.evictions)


def interval(before: StatementsSample, after: StatementsSample) -> StatementsSnapshot:
    """What was counted between the two samples."""
    between = _between(before, after)
    statements = tuple(Statement(key, total, *_delta(key, before, after, between)) for key, total in after.rows.items())
    known, unknown, most = 0.0, 0, 0.0
    for each in statements:
        if isinstance(each.delta, Unknown):
            unknown += 1
        if each.nested:
            continue  # what runs inside a statement is in its time already
        if isinstance(each.delta, Unknown):
            most += each.total.exec_ms
        else:
            known += each.delta.exec_ms
    since = since_reset(after).window
    lost = between.suspect or between.evictions is None or not between.comparable or not after.complete
    seconds = (after.server_now - before.server_now).total_seconds()
    window = replace(
        since,
        began=before.server_now,
        seconds=seconds if between.comparable else _OTHER,
        evictions=_UNTOLD if between.evictions is None else between.evictions,
        was_reset=between.was_reset,
        restarted=before.first.started != after.last.started,
        gone=between.gone,
        unknown=unknown,
        interval=Total(known, most, lost),
    )
    longer = any(slow(each.delta, 1000 * seconds) for each in statements)
    notes = (*_about(window, between), *([_ENDED] if longer else []), *_standing(after))
    return _snapshot(after, window, statements, notes)


def since_reset(sample: StatementsSample) -> StatementsSnapshot:
    """What one sample holds: everything since each entry began to count."""
    total = sum(counted.exec_ms for key, counted in sample.rows.items() if key.toplevel is not False)
    evicted = sample.dealloc is None or sample.dealloc > 0
    window = Window(
        began=_NO_INTERVAL,
        ended=sample.server_now,
        seconds=_NO_INTERVAL,
        since=_UNTOLD if sample.reset is None else sample.reset,
        dealloc=_UNTOLD if sample.dealloc is None else sample.dealloc,
        evictions=_NO_INTERVAL,
        was_reset=False,
        restarted=False,
        gone=0,
        unknown=len(sample.rows),
        interval=Total(0.0),
        lifetime=Total(total, lost=evicted or not sample.complete, doubtful=evicted),
        lost_by=sample.lost_by,
    )
    statements = tuple(Statement(key, counted, _NO_INTERVAL, None) for key, counted in sample.rows.items())
    return _snapshot(sample, window, statements, tuple(_standing(sample)))


def _snapshot(
    sample: StatementsSample, window: Window, statements: tuple[Statement, ...], notes: tuple[str, ...]
) -> StatementsSnapshot:
    return StatementsSnapshot(
        as_of=sample.as_of,
        place=sample.place,
        window=window,
        statements=statements,
        hidden=sample.hidden,
        block_size=sample.block_size,
        notes=notes,
    )


def share(statement: Statement, window: Window) -> Share | Unknown:
    """The statement's part of the time of the interval."""
    if isinstance(statement.delta, Unknown):
        return statement.delta
    partial = statement.mark in (Mark.AGAIN, Mark.UNCERTAIN) or (statement.mark is Mark.NEW and window.interval.lost)
    return _share(statement.delta.exec_ms, window.interval, sure=not partial)


def share_since(statement: Statement, window: Window) -> Share | Unknown:
    """The statement's part of the time since the reset."""
    return _share(statement.total.exec_ms, window.lifetime, sure=not window.lifetime.doubtful)


def deltas_of(
    keys: Iterable[Key], before: StatementsSample, after: StatementsSample
) -> dict[Key, Counters | Unknown | None]:
    """What some entries counted between two samples; None for one that was in neither."""
    between = _between(before, after)
    found: dict[Key, Counters | Unknown | None] = {}
    for key in keys:
        if key in after.rows:
            found[key] = _delta(key, before, after, between)[0]
        elif key in before.rows or not (before.complete and after.complete):
            found[key] = Unknown("it is not in the statistics any more")
        else:
            found[key] = None
    return found


def _between(before: StatementsSample, after: StatementsSample) -> _Between:
    same = before.place.version == after.place.version and before.place.schema == after.place.schema
    forward = after.server_now > before.server_now
    old, new = before.first, after.last
    was_reset = old.reset != new.reset
    # A reset that was not inside the interval: the statistics of another server, or of an older file.
    inside = not was_reset or (new.reset is not None and new.reset >= old.now)
    if old.reset is None and new.reset is None and old.started != new.started:
        was_reset = True  # 1.8 does not tell; a server that was started may have begun anew
    evictions = None
    if old.dealloc is not None and new.dealloc is not None:
        evictions = new.dealloc if was_reset else max(0, new.dealloc - old.dealloc)
    gone = len(before.rows.keys() - after.rows.keys())
    return _Between(same and forward and inside, was_reset, evictions, gone)


def _delta(key: Key, before: StatementsSample, after: StatementsSample, between: _Between) -> Delta:
    if not between.comparable:
        return _OTHER, None
    now, was = after.rows[key], before.rows.get(key)
    if was is None:
        return _appeared(key, now, before)
    if now.since is None or was.since is None:
        if between.was_reset:
            return _RESET, None
        return _undated(now, was) if between.suspect else (_difference(now, was), None)
    if now.since == was.since:
        return _difference(now, was), None
    if now.since >= before.server_now:
        return now, Mark.AGAIN
    return _ELDER, None


def _undated(now: Counters, was: Counters) -> Delta:
    """Entries without dates (16 and older) while some were evicted. On a server that evicts all the time nothing would
    ever be known of them, so a strong sign is taken, and marked: an entry that was made anew has other extremes.
    """
    found = _difference(now, was)
    if isinstance(found, Unknown) or now.max_ms != was.max_ms or now.min_ms > was.min_ms:
        return _EVICTED, None
    return found, Mark.UNCERTAIN


def _appeared(key: Key, now: Counters, before: StatementsSample) -> Delta:
    """An entry that the earlier sample has not: new if that sample would have had it."""
    if before.complete or key.userid == before.place.reader:
        return now, Mark.NEW
    if now.since is not None and now.since >= before.server_now:
        return now, Mark.NEW
    return _UNSEEN, None


def _difference(now: Counters, was: Counters) -> Counters | Unknown:
    if now is was:
        return _STILL[now.temp_ms is None, now.jit_ms is None]
    values: list[object] = []
    for new, old, adds in zip(now, was, _ADDS, strict=True):
        if not adds or new is None or old is None:
            values.append(new)
            continue
        assert isinstance(new, int | float)
        assert isinstance(old, int | float)
        if new < old:
            return _FELL
        values.append(new - old)
    return Counters._make(values)


def _share(part: float, total: Total, *, sure: bool) -> Share | Unknown:
    """``part`` of ``total``; ``sure``: nothing of the part itself can be missing."""
    if total.ms <= 0:
        return _NOTHING_RAN
    if part > total.ms * (1 + 1e-9):
        return _INSIDE
    bound = Bound.ABOUT if not sure else Bound.AT_MOST if total.lost or total.more > 0 else Bound.EXACT
    least = 0.0 if total.lost else 100 * part / (total.ms + total.more)
    return Share(min(100.0, 100 * part / total.ms), least, bound)


def _about(window: Window, between: _Between) -> list[str]:
    """Caveats of an interval."""
    notes = []
    if not between.comparable:
        notes.append(
            "The two samples cannot be compared: another server, another version of the extension, or a clock that"
            " was set back. Nothing is known of the interval."
        )
    if window.restarted:
        notes.append("The server was restarted in the interval.")
    if between.was_reset:
        notes.append("The statistics were reset in the interval (by hand, or by a crash): what came before is lost.")
    if between.evictions:
        notes.append(
            f"The server evicted statements {between.evictions} times in the interval, as there is no room for more:"
            " shares are upper limits. Raise pg_stat_statements.max (restart needed)."
        )
    elif between.gone and not between.was_reset:
        notes.append(f"{between.gone} entries vanished in the interval: somebody reset them, or they were evicted.")
    return notes


def _standing(sample: StatementsSample) -> list[str]:
    """Caveats of one sample."""
    notes = list(sample.place.notes)
    if sample.lost_by and sample.reset is not None:
        when = iso(sample.reset.replace(microsecond=0))
        notes.append(f"What was counted before {when} is lost: the statistics began anew then, after {sample.lost_by}.")
    if sample.hidden:
        notes.append(
            f"{sample.hidden} statements of others are hidden: shares are of what this role may see."
            f" As a superuser: {sample.place.grant}"
        )
    if sample.dealloc:
        notes.append(
            f"The server evicted statements {sample.dealloc} times since the reset: totals are lower limits, shares"
            f" are approximate (pg_stat_statements.max is {sample.place.most})."
        )
    if not sample.place.io_timing:
        notes.append("track_io_timing is off: times of input and output are not measured.")
    return notes


def slow(counted: Counters | Unknown, threshold_ms: float) -> bool:
    """Whether the mean reaches the threshold; what is unknown or did not run is not called slow."""
    return not isinstance(counted, Unknown) and counted.calls > 0 and counted.exec_ms / counted.calls >= threshold_ms
