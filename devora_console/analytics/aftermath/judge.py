"""A verdict for each line of a watch: the value now against the value before, and against what is too much anyway.

A line fails, warns, or is ok only where both values carry that; otherwise it is unknown, and says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from devora_console.analytics.aftermath.model import FIGURES, Baseline, Number, Reading, Slow, Times, WatchLine
from devora_console.analytics.aftermath.words import before_words, now_words
from devora_console.config.settings import Settings
from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.words import count, figure, plural, size

NO_BASELINE = Unknown(
    "the values before the switch were not kept",
    "devora-console watch record, before the switch; or with --value for what only the old system knows",
)
_DAY = timedelta(hours=24)
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with how it was reached and what to do."""

    verdict: Verdict
    why: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What a line is judged from."""

    reading: Reading
    baseline: Baseline | Unknown
    settings: Settings

    def before(self, id_: str) -> Number:
        """The value before the switch."""
        return self.baseline if isinstance(self.baseline, Unknown) else self.baseline.value(id_)


def judge(reading: Reading, baseline: Baseline | Unknown, settings: Settings) -> tuple[WatchLine, ...]:
    """A line for each figure of the guide's list."""
    case = Case(reading, baseline, settings)
    lines = []
    for id_, what in FIGURES.items():
        now, before = what.of(reading), case.before(id_)
        if isinstance(now, Unknown):
            judged = _quiet(case, id_, before) or Judged(Verdict.UNKNOWN, f"Not known now: {now.reason}.", now.remedy)
        else:
            judged = _JUDGES[id_](case, now, before)
        lines.append(
            WatchLine(
                id_, what.title, judged.verdict, what.unit, now, before, now_words(id_, reading, now),
                before_words(id_, baseline, before), judged.why, judged.remedy,
            )
        )  # fmt: skip
    return tuple(lines)


# --- each figure ----------------------------------------------------------------------------------


def _slow(case: Case, now: float, before: Number) -> Judged:
    slow = case.reading.slow
    assert isinstance(slow, Slow)
    limit = f"A statement is slow from a mean of {figure(slow.threshold_ms)} ms on (queries.slow_ms)."
    remedy = "See the slowest with their plans: screen 3, l; or queries --slow"
    missing = slow.hidden + slow.uncounted
    known = _slow_before(case.baseline)
    if now and isinstance(known, frozenset):
        new = [each for each in slow.slowest if each.queryid not in known]
        if new and isinstance(case.baseline, Baseline) and _all_listed(case.baseline.reading.slow):
            worst = new[0]
            why = (
                f"{limit} {plural(len(new), 'statement')} was not slow before; the slowest of them "
                f"(queryid {worst.queryid}) takes {worst.mean_ms:.0f} ms in {plural(worst.calls, 'call')}."
            )
            return Judged(Verdict.WARN, why.replace("statements was", "statements were"), remedy)
        if new or not _all_listed(slow):
            why = f"{limit} There are more than are listed: whether each of them was slow before is not known."
            return Judged(Verdict.UNKNOWN, why, remedy)
    elif now and not (not isinstance(before, Unknown) and now <= before):
        return Judged(Verdict.WARN, f"{limit} {_compared(before, 'there were')}", remedy)
    if missing:
        why = f"{limit} {plural(missing, 'statement')} could not be judged: hidden, or without figures for the window."
        return Judged(Verdict.UNKNOWN, why, "As a superuser: GRANT pg_monitor to this user" if slow.hidden else "Wait")
    return Judged(Verdict.OK, f"{limit} " + ("Those that are slow were slow before." if now else "None is."))


def _slow_before(baseline: Baseline | Unknown) -> frozenset[int] | None:
    """Identifiers of what was slow before; None where they are not known."""
    if isinstance(baseline, Unknown) or "slow_queries" in baseline.given or isinstance(baseline.reading.slow, Unknown):
        return None
    return frozenset(each.queryid for each in baseline.reading.slow.slowest)


def _all_listed(found: Slow | Unknown) -> bool:
    """Whether every slow statement is told by its identifier."""
    return isinstance(found, Slow) and found.count <= len(found.slowest)


def _compared(before: Number, words: str) -> str:
    return f"Before {words} {count(round(before))}." if not isinstance(before, Unknown) else f"{before.reason}."


def _sizes(case: Case, now: float, before: Number) -> Judged:
    limits = case.settings.watch
    why = (
        f"Warns from {figure(limits.growth_percent)} % more than before on, and fails for the whole database from "
        f"{figure(limits.growth_fail_percent)} % on, each from {figure(limits.growth_least_mb)} MB on; warns when "
        f"{figure(limits.shrunk_percent)} % of a table are gone."
    )
    if isinstance(before, Unknown):
        return _uncompared(why, before)
    remedy = "See what grows: screen 5 (t: sizes), or health --sizes --vacuum"
    least = limits.growth_least_mb * _MB
    grown = now - before
    if grown >= least and grown >= before * limits.growth_fail_percent / 100:
        return Judged(Verdict.FAIL, f"{why} The database grew by {size(grown)}.", remedy)
    gone, shrunk, larger = _tables(case, least)
    if gone:
        words = f"{why} Not there any more: {_some(gone)}."
        return Judged(Verdict.FAIL, words, "Find out who dropped it: schema check, and the backups (backup list)")
    if shrunk:
        return Judged(Verdict.WARN, f"{why} Much smaller: {_some(shrunk)}.", "Were rows deleted on purpose? verify")
    if larger or (grown >= least and grown >= before * limits.growth_percent / 100):
        return Judged(Verdict.WARN, f"{why} Grew: {_some(larger) or 'the database as a whole'}.", remedy)
    return Judged(Verdict.OK, why)


def _tables(case: Case, least: float) -> tuple[list[str], list[str], list[str]]:
    """Tables that are gone, that shrank, that grew, against those that were read before."""
    after = case.reading.sizes
    before = case.baseline.reading.sizes if isinstance(case.baseline, Baseline) else None
    if isinstance(after, Unknown) or before is None or isinstance(before, Unknown):
        return [], [], []
    limits = case.settings.watch
    # A table that is not told may be locked, or no more among the largest: only where all are told is it gone.
    gone = [] if after.untold else [name for name in before.tables if name not in after.tables]
    both = [name for name in before.tables if name in after.tables]
    lost = {name: before.tables[name] - after.tables[name] for name in both}
    shrunk = [n for n in both if lost[n] >= _MB and lost[n] >= before.tables[n] * limits.shrunk_percent / 100]
    larger = [n for n in both if -lost[n] >= least and -lost[n] >= before.tables[n] * limits.growth_percent / 100]
    return gone, shrunk, sorted(larger, key=lambda name: lost[name])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _cache(case: Case, now: float, before: Number) -> Judged:
    limits, least = case.settings.watch, case.settings.health.cache_min_accesses
    warn = case.settings.health.cache_hit_percent
    why = (
        f"Should be over {figure(warn)} % (health.cache_hit_percent) and fails below "
        f"{figure(limits.cache_fail_percent)} %; warns too when it is lower than before by "
        f"{figure(limits.cache_fewer_points)} of 100 or more."
    )
    found = case.reading.cache
    assert not isinstance(found, Unknown)
    if found.hit + found.read < least:
        return Judged(Verdict.UNKNOWN, f"{why} Fewer than {figure(least)} block accesses are too few.", "Wait")
    remedy = "A new server warms up first; then see what reads most (screen 3) and missing indexes (screen 4)"
    if now < limits.cache_fail_percent:
        return Judged(Verdict.FAIL, why, remedy)
    fell = not isinstance(before, Unknown) and now < before - limits.cache_fewer_points
    if now < warn or fell:
        return Judged(Verdict.WARN, why, remedy)
    if isinstance(before, Unknown) and now < 100 - limits.cache_fewer_points:  # it may have been so much higher
        return _uncompared(why, before)
    return Judged(Verdict.OK, why)


def _users(case: Case, now: float, before: Number) -> Judged:
    limits = case.settings.watch
    why = (
        f"Warns when {figure(limits.fewer_users_percent)} % of a day's users are missing, fails from "
        f"{figure(limits.fewer_users_fail_percent)} % on, or when there is none for {figure(limits.quiet_hours)} hours."
    )
    if isinstance(before, Unknown):
        return _uncompared(why, before)
    if not before:
        return Judged(Verdict.UNKNOWN, f"{why} Before there was none, so none can be missing.")
    remedy = "Can people sign in? See the error rate, and whether the backend tells its events (analytics status)"
    passed = case.reading.window
    full = passed >= _DAY - timedelta(minutes=1)
    missing = 100 * (1 - now / before)
    if missing < limits.fewer_users_percent:
        return Judged(Verdict.OK, why if full else f"{why} The day is not over and there are enough already.")
    if not full and not now and passed >= timedelta(hours=limits.quiet_hours):
        return Judged(Verdict.FAIL, f"{why} Nobody was active for {span(passed.total_seconds())}.", remedy)
    if not full:
        words = f"{why} Only {span(passed.total_seconds())} of the 24 hours have passed: a day cannot be judged yet."
        return Judged(Verdict.UNKNOWN, words, "Wait")
    verdict = Verdict.FAIL if missing >= limits.fewer_users_fail_percent else Verdict.WARN
    return Judged(verdict, f"{why} {missing:.0f} % are missing.", remedy)


def _quiet(case: Case, id_: str, before: Number) -> Judged | None:
    """Without any event nobody knows who was active; but where there were users before, that lasts too long."""
    events, limits = case.reading.events, case.settings.watch
    if id_ != "active_users" or isinstance(events, Unknown) or isinstance(before, Unknown) or not before:
        return None
    if case.reading.window < timedelta(hours=limits.quiet_hours):
        return None
    why = f"No event was recorded for {span(case.reading.window.total_seconds())}, but there were users before."
    return Judged(Verdict.FAIL, why, "Either nobody can sign in, or the backend tells no events (analytics status)")


def _errors(case: Case, now: float, before: Number) -> Judged:
    limits, events = case.settings.watch, case.reading.events
    why = (
        f"Warns from {figure(limits.error_percent)} % of the events on, or {figure(limits.error_more_points)} of 100 "
        f"above the rate before; fails from {figure(limits.error_fail_percent)} % on."
    )
    assert not isinstance(events, Unknown)
    if events.count < limits.least_events:
        return Judged(Verdict.UNKNOWN, f"{why} Fewer than {figure(limits.least_events)} events are too few.", "Wait")
    remedy = "See which errors: analytics events --type error_occurred, and the backend's log"
    if now >= limits.error_fail_percent:
        return Judged(Verdict.FAIL, why, remedy)
    more = not isinstance(before, Unknown) and now >= before + limits.error_more_points
    if now >= limits.error_percent or more:
        return Judged(Verdict.WARN, why, remedy)
    return _uncompared(why, before) if isinstance(before, Unknown) else Judged(Verdict.OK, why)


def _search(case: Case, now: float, before: Number) -> Judged:
    remedy = "See the plans of searches (screen 7, x), and whether embeddings are current (embed status)"
    return _slower(case, case.reading.searches, case.settings.watch.search_ms, now, before, remedy)


def _rag(case: Case, now: float, before: Number) -> Judged:
    remedy = "See where it takes long: rag prompt QUERY --explain, and the searches it makes (screen 7, x)"
    return _slower(case, case.reading.rag, case.settings.watch.rag_ms, now, before, remedy)


def _slower(case: Case, times: Times | Unknown, most: float, now: float, before: Number, remedy: str) -> Judged:
    limits = case.settings.watch
    why = (
        f"Warns from {figure(most)} ms on, or {figure(limits.slower_percent)} % above the P95 before, fails from "
        f"{figure(limits.slower_fail_percent)} % above it on, each from {figure(limits.slower_least_ms)} ms more on."
    )
    assert not isinstance(times, Unknown)
    if times.count < limits.least_searches:
        return Judged(Verdict.UNKNOWN, f"{why} Fewer than {figure(limits.least_searches)} are too few.", "Wait")
    more = 0.0 if isinstance(before, Unknown) else now - before
    if not isinstance(before, Unknown) and more >= limits.slower_least_ms:
        if more >= before * limits.slower_fail_percent / 100:
            return Judged(Verdict.FAIL, why, remedy)
        if more >= before * limits.slower_percent / 100:
            return Judged(Verdict.WARN, why, remedy)
    if now >= most:
        return Judged(Verdict.WARN, why, remedy)
    return _uncompared(why, before) if isinstance(before, Unknown) else Judged(Verdict.OK, why)


def _uncompared(why: str, before: Unknown) -> Judged:
    """What is well by itself, and cannot be compared: whether the switch made it worse is not known."""
    return Judged(Verdict.UNKNOWN, f"{why} Not known before: {before.reason}.", before.remedy or NO_BASELINE.remedy)


_JUDGES: dict[str, Callable[[Case, float, Number], Judged]] = {
    "slow_queries": _slow,
    "table_sizes": _sizes,
    "cache_hit": _cache,
    "active_users": _users,
    "error_rate": _errors,
    "search": _search,
    "rag": _rag,
}
