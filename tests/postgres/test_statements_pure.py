"""Intervals of statements without a server: never a negative figure, never a lifetime's total as an interval's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devora_console.core.unknown import Unknown
from devora_console.postgres.statements import (
    Bound,
    Counters,
    Info,
    Key,
    Mark,
    Place,
    Share,
    StatementsSample,
    change_percent,
    extremes,
    figures,
    interval,
    laid_out,
    listed,
    share,
    share_since,
    since_reset,
    slow,
    trends,
)
from devora_console.postgres.statements.judge import deltas_of
from devora_console.postgres.statements.missing import unloaded
from devora_console.postgres.watch.ring import Ring

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = Place(16400, (1, 12), "public", 5000, "all", planning=False, io_timing=True, reader=10, grant="GRANT it TO me;")
A, B, NESTED = Key(10, 5, 1, True), Key(10, 5, 2, True), Key(10, 5, 1, False)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def counted(calls: int, ms: float, since: float | None = -1000.0, **more: Any) -> Counters:
    nothing = Counters(
        0, 0.0, calls, ms, 0.5, 9.0, calls, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0, 0, 0, None, None
    )  # fmt: skip
    moment = None if since is None else at(since)
    return nothing._replace(**{"since": moment, "minmax_since": moment, **more})


def sample(
    seconds: float,
    rows: dict[Key, Counters],
    *,
    dealloc: int | None = 0,
    reset: float | None = -1000.0,
    hidden: int = 0,
    started: float = -2000.0,
    place: Place = PLACE,
    lost_by: str = "",
) -> StatementsSample:
    info = Info(at(seconds), at(started), dealloc, None if reset is None else at(reset))
    return StatementsSample(at(seconds), place, info, info, rows, hidden, 8192, lost_by)


def share_of_a(before: StatementsSample, after: StatementsSample) -> Share | Unknown:
    found = interval(before, after)
    return share(next(each for each in found.statements if each.key == A), found.window)


# What is between two samples 10 s apart: before, after -> calls of A (None: unknown), its mark.
TABLE: dict[str, tuple[StatementsSample, StatementsSample, int | None, Mark | None]] = {
    "it ran": (sample(0, {A: counted(5, 50)}), sample(10, {A: counted(8, 90)}), 3, None),
    "it did not run": (sample(0, {A: counted(5, 50)}), sample(10, {A: counted(5, 50)}), 0, None),
    "17+: reset inside, more calls than before": (
        sample(0, {A: counted(5, 50)}),
        sample(10, {A: counted(8, 90, since=4)}),
        8,
        Mark.AGAIN,
    ),
    "17+: all reset inside": (
        sample(0, {A: counted(5, 50)}),
        sample(10, {A: counted(2, 20, since=4)}, reset=4),
        2,
        Mark.AGAIN,
    ),
    "17+: counted anew before the interval": (
        sample(0, {A: counted(5, 50)}),
        sample(10, {A: counted(8, 90, since=-3)}),
        None,
        None,
    ),
    "17+: others evicted": (sample(0, {A: counted(5, 50)}), sample(10, {A: counted(8, 90)}, dealloc=2), 3, None),
    "16-: a counter fell": (
        sample(0, {A: counted(5, 50, None)}),
        sample(10, {A: counted(2, 20, None)}),
        None,
        None,
    ),
    "16-: only one counter fell": (
        sample(0, {A: counted(5, 50, None, wal_bytes=9)}),
        sample(10, {A: counted(8, 90, None, wal_bytes=8)}),
        None,
        None,
    ),
    "16-: all reset, more calls than before": (
        sample(0, {A: counted(5, 50, None)}),
        sample(10, {A: counted(8, 90, None)}, reset=4),
        None,
        None,
    ),
    "16-: all reset, as many calls as before": (
        sample(0, {A: counted(5, 50, None)}),
        sample(10, {A: counted(5, 50, None)}, reset=4),
        None,
        None,
    ),
    "16-: something was evicted": (
        sample(0, {A: counted(5, 50, None)}),
        sample(10, {A: counted(8, 90, None)}, dealloc=1),
        3,
        Mark.UNCERTAIN,
    ),
    "16-: something was evicted, another longest execution": (
        sample(0, {A: counted(5, 50, None)}),
        sample(10, {A: counted(8, 90, None, max_ms=9.1)}, dealloc=1),
        None,
        None,
    ),
    "16-: something was evicted, another shortest execution": (
        sample(0, {A: counted(5, 50, None)}),
        sample(10, {A: counted(8, 90, None, min_ms=0.6)}, dealloc=1),
        None,
        None,
    ),
    "16-: something was evicted, a counter fell": (
        sample(0, {A: counted(5, 50, None)}),
        sample(10, {A: counted(8, 49, None)}, dealloc=1),
        None,
        None,
    ),
    "16-: another entry vanished": (
        sample(0, {A: counted(5, 50, None), B: counted(1, 1, None)}),
        sample(10, {A: counted(8, 90, None)}),
        3,
        Mark.UNCERTAIN,
    ),
    "new": (sample(0, {}), sample(10, {A: counted(4, 40, since=3)}), 4, Mark.NEW),
    "16-: new": (sample(0, {}), sample(10, {A: counted(4, 40, None)}), 4, Mark.NEW),
    "new, its first execution began before": (sample(0, {}), sample(10, {A: counted(1, 9e4, since=-80)}), 1, Mark.NEW),
    "absent, and some were hidden": (
        sample(0, {}, hidden=1, place=replace(PLACE, reader=99)),
        sample(10, {A: counted(4000, 40, None)}),
        None,
        None,
    ),
    "absent, some were hidden, but it is our own role's": (
        sample(0, {}, hidden=1),
        sample(10, {A: counted(4, 40, None)}, hidden=1),
        4,
        Mark.NEW,
    ),
    "absent, some were hidden, dated inside": (
        sample(0, {}, hidden=1, place=replace(PLACE, reader=99)),
        sample(10, {A: counted(4, 40, since=2)}, hidden=1),
        4,
        Mark.NEW,
    ),
    "another server: its reset is older": (
        sample(0, {A: counted(5, 50)}),
        sample(10, {A: counted(9000, 9e6)}, reset=-500),
        None,
        None,
    ),
    "another server, absent before": (sample(0, {}), sample(10, {A: counted(9000, 9e6)}, reset=-500), None, None),
    "the extension was updated": (
        sample(0, {A: counted(5, 50, None)}, place=replace(PLACE, version=(1, 10))),
        sample(10, {A: counted(8, 90)}),
        None,
        None,
    ),
    "the clock was set back": (sample(0, {A: counted(5, 50)}), sample(-10, {A: counted(8, 90)}), None, None),
    "1.8: the server was restarted": (
        sample(0, {A: counted(5, 50, None)}, dealloc=None, reset=None),
        sample(10, {A: counted(8, 90, None)}, dealloc=None, reset=None, started=5),
        None,
        None,
    ),
    "1.8: it ran": (
        sample(0, {A: counted(5, 50, None)}, dealloc=None, reset=None),
        sample(10, {A: counted(8, 90, None)}, dealloc=None, reset=None),
        3,
        None,
    ),
}


@pytest.mark.parametrize(("before", "after", "calls", "mark"), TABLE.values(), ids=TABLE)
def test_an_interval_is_certain_or_unknown(
    before: StatementsSample, after: StatementsSample, calls: int | None, mark: Mark | None
) -> None:
    (found,) = (each for each in interval(before, after).statements if each.key == A)
    assert found.mark is mark
    if calls is None:
        assert isinstance(found.delta, Unknown)
        assert found.delta.reason
        assert isinstance(share(found, interval(before, after).window), Unknown)
    else:
        assert not isinstance(found.delta, Unknown)
        assert found.delta.calls == calls
    assert found.total.calls == after.rows[A].calls


_numbers = st.integers(0, 5)
_rows = st.dictionaries(
    st.sampled_from([A, B, NESTED]),
    st.builds(lambda n, since: counted(n + 1, 10.0 * n, since), _numbers, st.sampled_from([None, -50.0, 3.0, 7.0])),
)


@given(_rows, _rows, _numbers, st.sampled_from([-1000.0, 5.0, 2.0]), st.integers(0, 2))
def test_no_figure_is_ever_negative(
    old: dict[Key, Counters], new: dict[Key, Counters], dealloc: int, reset: float, hidden: int
) -> None:
    found = interval(sample(0, old, hidden=hidden), sample(10, new, dealloc=dealloc, reset=reset))
    for each in found.statements:
        if not isinstance(each.delta, Unknown):
            assert each.delta.calls >= 0
            assert each.delta.exec_ms >= 0
            assert each.delta.calls <= each.total.calls
        part = share(each, found.window)
        if isinstance(part, Share):
            assert 0 <= part.least <= part.percent + 1e-9 <= 100 + 1e-6


def test_nested_statements_are_not_counted_twice() -> None:
    rows = {A: counted(1, 80.0), B: counted(1, 20.0), NESTED: counted(9, 70.0)}
    found = interval(sample(0, {}), sample(10, rows))
    assert found.window.interval.ms == pytest.approx(100)
    shares = {each.key: share(each, found.window) for each in found.statements}
    assert shares[A] == Share(80.0, 80.0, Bound.EXACT)
    assert shares[NESTED] == Share(70.0, 70.0, Bound.EXACT)


def test_what_is_inside_an_unfinished_statement_has_no_share() -> None:
    found = interval(sample(0, {}), sample(10, {A: counted(1, 5.0), NESTED: counted(9, 70.0)}))
    assert [type(share(each, found.window)) for each in found.statements] == [Share, Unknown]


@pytest.mark.parametrize(
    ("changes", "bound", "least"),
    [
        ({}, Bound.EXACT, 40.0),
        ({"dealloc": 1}, Bound.AT_MOST, 0.0),
        ({"hidden": 2}, Bound.AT_MOST, 0.0),
        ({"reset": 5.0}, Bound.AT_MOST, 0.0),
    ],
    ids=["all seen", "evictions", "hidden", "reset"],
)
def test_a_share_tells_its_error(changes: dict[str, Any], bound: Bound, least: float) -> None:
    before = sample(0, {A: counted(1, 10.0), B: counted(1, 10.0)})
    after = sample(10, {A: counted(2, 50.0), B: counted(2, 70.0)}, **changes)
    part = share_of_a(before, after)
    assert isinstance(part, Share)
    assert part.percent == pytest.approx(40.0)
    assert part.least == pytest.approx(least)
    assert part.bound is bound


def test_an_unknown_entry_widens_the_shares_of_others() -> None:
    before = sample(0, {A: counted(1, 10.0), B: counted(1, 10.0)})
    after = sample(10, {A: counted(2, 50.0), B: counted(2, 60.0, since=-5)})
    part = share_of_a(before, after)
    assert part == Share(100.0, 40.0, Bound.AT_MOST)


def test_shares_since_the_reset_are_approximate_after_evictions() -> None:
    rows = {A: counted(1, 80.0), B: counted(1, 20.0)}
    for dealloc, bound in ((0, Bound.EXACT), (3, Bound.ABOUT), (None, Bound.ABOUT)):
        found = since_reset(sample(0, rows, dealloc=dealloc, reset=None if dealloc is None else -9))
        part = share_since(found.statements[0], found.window)
        assert isinstance(part, Share)
        assert part.bound is bound
        assert isinstance(found.statements[0].delta, Unknown)
        assert isinstance(found.window.since, Unknown) is (dealloc is None)
        assert any("evicted" in note for note in found.notes) is bool(dealloc)


def test_a_zero_that_nobody_measured_is_unknown() -> None:
    off = replace(PLACE, io_timing=False)
    read = counted(1, 5.0, shared_read=10)
    assert isinstance(unmeasured := figures(read, off).io_ms, Unknown)
    assert "track_io_timing is off" in unmeasured.reason
    assert isinstance(figures(read, PLACE).io_ms, Unknown)  # on now, but it was off when it read
    assert figures(counted(1, 5.0), off).io_ms == 0.0  # it did no I/O: that is nought
    assert figures(read._replace(read_ms=2.5), off).io_ms == 2.5
    assert isinstance(figures(read, PLACE).plan_ms, Unknown)
    assert figures(read._replace(plans=2, plan_ms=0.25), PLACE).plan_ms == 0.25
    assert isinstance(figures(read._replace(jit_ms=None, temp_ms=None), PLACE).jit_ms, Unknown)
    assert isinstance(figures(counted(1, 5.0), PLACE).hit_percent, Unknown)
    assert figures(read._replace(shared_hit=30), PLACE).hit_percent == 75.0
    assert isinstance(figures(counted(0, 0.0), PLACE).mean_ms, Unknown)


def test_reset_extremes_are_not_nought() -> None:
    reset = extremes(counted(7, 70.0, min_ms=0.0, max_ms=0.0))
    assert isinstance(reset.min_ms, Unknown)
    assert "reset" in reset.min_ms.reason
    assert extremes(counted(7, 70.0)).max_ms == 9.0


def test_slow_and_change() -> None:
    before, after = sample(0, {A: counted(10, 100.0)}), sample(10, {A: counted(12, 500.0)})
    (found,) = interval(before, after).statements
    assert change_percent(found) == pytest.approx(1900.0)
    assert slow(found.delta, 200.0)
    assert not slow(found.delta, 200.1)
    assert not slow(found.total, 200.0)
    assert not slow(Unknown("?"), 0.0)
    assert isinstance(change_percent(interval(sample(0, {}), after).statements[0]), Unknown)


def test_unknown_intervals_stand_after_known_ones() -> None:
    before = sample(0, {A: counted(1, 10.0)})
    after = sample(10, {A: counted(2, 11.0), B: counted(9, 1e6, since=-5)})
    before = replace(before, hidden=1, place=replace(PLACE, reader=99))
    assert [each.key for each in listed(interval(before, after))] == [A, B]
    assert [each.key for each in listed(since_reset(after))] == [B, A]
    assert [each.key for each in listed(interval(before, after), min_ms=500.0)] == [B]


def test_a_statement_that_outlasts_the_interval_is_explained() -> None:
    found = interval(sample(0, {}), sample(10, {A: counted(1, 60_000.0)}))
    assert any("counts when it ends" in note for note in found.notes)
    assert not interval(sample(0, {}), sample(10, {A: counted(1, 60.0)})).notes


def test_trends_come_from_a_ring() -> None:
    ring: Ring[StatementsSample] = Ring()
    for second, rows in (
        (0, {}),
        (10, {A: counted(1, 20.0, since=5)}),
        (20, {A: counted(3, 60.0, since=5)}),
        (30, {A: counted(1, 10.0, since=-9)}),
        (40, {A: counted(1, 10.0, since=-9)}),
    ):
        ring.add(sample(second, rows))
    assert trends(ring, [A, B]) == {A: (2.0, 4.0, None, 0.0), B: (0.0, 0.0, 0.0, 0.0)}
    assert trends(ring, [A], most=2) == {A: (None, 0.0)}
    assert isinstance(deltas_of([A], sample(0, {A: counted(1, 1.0)}), sample(1, {}))[A], Unknown)


LAYOUTS = {
    "literals": ("SELECT 'from where' FROM t", "SELECT 'from where'\nFROM t"),
    "comments": ("SELECT 1 -- from x\nFROM t /* where */", "SELECT 1 -- from x\nFROM t /* where */"),
    "quoted": ('SELECT "order by" FROM t', 'SELECT "order by"\nFROM t'),
    "dollars": ("SELECT $a$ from $a$, $1 FROM t", "SELECT $a$ from $a$, $1\nFROM t"),
    "unfinished": ("SELECT 'a from b", "SELECT 'a from b"),
    "between": ("SELECT 1 FROM t WHERE a BETWEEN 1 AND 2 AND b", "SELECT 1\nFROM t\nWHERE a BETWEEN 1 AND 2\n  AND b"),
    "function": ("SELECT extract(year FROM d) FROM t", "SELECT extract(year FROM d)\nFROM t"),
    "columns": ("SELECT t.from, a FROM t", "SELECT t.from, a\nFROM t"),
    "distinct": ("SELECT 1 WHERE a IS DISTINCT FROM b", "SELECT 1\nWHERE a IS DISTINCT FROM b"),
    "insert": ("INSERT INTO t (a) VALUES ($1) RETURNING a", "INSERT INTO t (a)\nVALUES ($1)\nRETURNING a"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "shown"), LAYOUTS.values(), ids=LAYOUTS)
def test_text_is_laid_out(text: str, shown: str) -> None:
    assert laid_out(text) == shown


@given(st.text(alphabet="select from where('\"$a1)-/*\n;,.|\\", max_size=80) | st.text(max_size=40))
def test_laying_out_changes_white_space_only(text: str) -> None:
    assert "".join(laid_out(text).split()) == "".join(text.split())


def test_a_long_text_is_laid_out_in_no_time() -> None:
    laid_out("(" * 50_000 + "select " * 7_000)
    laid_out("'" * 99_999)
    laid_out("/*" * 49_999)
    laid_out("$a$" * 33_333)


@pytest.mark.parametrize(
    ("created", "in_file", "preload", "says", "remedy"),
    [
        (True, None, "auto_explain", "created", "= 'auto_explain', 'pg_stat_statements'; Then restart"),
        (False, None, "", "neither", "= 'pg_stat_statements'; Then restart PostgreSQL. Then: In this database"),
        (False, None, None, "neither", "add what the list holds already"),
        (True, "x, pg_stat_statements", "x", "not restarted", "Restart PostgreSQL"),
        (True, "timescaledb", "", "created", "= 'timescaledb', 'pg_stat_statements'"),
    ],
    ids=["appended", "empty list", "hidden list", "restart", "list of the next start"],
)
def test_what_is_loaded_is_kept(
    created: bool, in_file: str | None, preload: str | None, says: str, remedy: str
) -> None:
    found = unloaded(created, in_file, preload, superuser=True)
    assert says in found.reason
    assert remedy in found.remedy
