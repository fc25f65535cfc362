"""The pure judges of health: figures in, verdicts and words out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import StatsAge, judge_age
from devora_console.postgres.health.bloat import TableBloat, judge_bloat
from devora_console.postgres.health.cache import Accesses, RelationAccesses, judge_cache, relations_between
from devora_console.postgres.health.dead import judge_dead, obstacle_of
from devora_console.postgres.health.due import AutovacuumSettings, due
from devora_console.postgres.health.headline import headline
from devora_console.postgres.health.hot import HotRatio, judge_hot
from devora_console.postgres.health.io import judge_io
from devora_console.postgres.health.sample import Interval, between
from devora_console.postgres.health.sequences import use_of
from devora_console.postgres.health.settings import Setting, judge_settings
from devora_console.postgres.health.sizes import SizesPart, TableSize, grown, judge_sizes
from devora_console.postgres.health.snapshot import HealthLine, HealthSample, HealthSnapshot, only_first
from devora_console.postgres.health.words import percent
from devora_console.postgres.health.wraparound import STOP, Age, verdict_of
from devora_console.postgres.watch.ring import Ring
from devora_console.postgres.watch.window import StatsWindow
from devora_console.tui.render import health as render
from devora_console.tui.render.look import Look

NOW = datetime(2026, 1, 31, tzinfo=UTC)
SETTINGS = HealthSettings()
SETTLED = StatsAge("since 30d00h ago", 30 * 86_400.0, True)
CRASHED = StatsAge("statistics began 4m00s ago after a crash", 240.0, False)
SAMPLE = HealthSample(NOW, 1, None, NOW, 900, 100, None, 5000, 10, 0, 0, 0, 0, 10**6, 20, 1, 10**7, 1000)
SERVER = AutovacuumSettings(True, True, 60, 3, 0, 50, 0.2, None, 1000, 0.2, 50, 0.1)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_percentage_never_says_more_than_is_true(hit: int, read: int) -> None:
    said = percent(hit, hit + read)
    assert (said == "no data") is (hit + read == 0)
    assert (said == "100.00 %") is (read == 0 and hit > 0)
    assert (said == "0.00 %") is (hit == 0 and read > 0)


@pytest.mark.parametrize(
    ("hit", "read", "verdict", "words"),
    [
        (0, 0, Verdict.NONE, "no data"),
        (10, 90, Verdict.NONE, "too few for a verdict"),
        (99_996, 4, Verdict.OK, "99.99 % hit: 4 of"),
        (99_000, 1_000, Verdict.OK, "99.00 %"),
        (98_999, 1_001, Verdict.WARN, "98.99 %"),
        (0, 5_000, Verdict.WARN, "0.00 % hit"),
    ],
)
def test_cache_verdicts(hit: int, read: int, verdict: Verdict, words: str) -> None:
    part = judge_cache(NOW, Accesses(hit, read), {}, None, (), (), SETTLED, SETTINGS)
    line = part.lines[0]
    assert line.verdict is verdict
    assert words in line.text
    assert "Threshold: 99 %" in line.why


def test_a_relation_that_was_reset_is_left_out_of_an_interval() -> None:
    def seen(oid: int, hit: int, read: int) -> RelationAccesses:
        return RelationAccesses(oid, "public", "t", None, hit, read, None)

    moved = relations_between({1: seen(1, 10, 10), 2: seen(2, 10, 10)}, {1: seen(1, 5, 5), 2: seen(2, 20, 10)})
    assert [(each.oid, each.hit, each.read, each.percent) for each in moved] == [(2, 10, 0, 100.0)]
    assert [each.hit for each in relations_between({}, {3: seen(3, 4, 1)})] == [4]


def test_an_interval_is_never_negative() -> None:
    later = replace(SAMPLE, as_of=NOW + timedelta(seconds=10), blocks_hit=1900, wal_bytes=10**6 + 5)
    passed = between(SAMPLE, later)
    assert isinstance(passed, Interval)
    assert (passed.seconds, passed.blocks_hit, passed.wal_bytes, passed.read_ms) == (10, 1000, 5, None)
    for changed in (
        replace(later, blocks_hit=1),
        replace(later, since=NOW),
        replace(later, database=2),
        replace(later, as_of=NOW),
    ):
        assert isinstance(between(SAMPLE, changed), Unknown)
    reset = between(SAMPLE, replace(later, shared_since=NOW + timedelta(seconds=5)))
    assert isinstance(reset, Interval)
    assert isinstance(reset.wal_bytes, Unknown)
    ring: Ring[HealthSample] = Ring()
    ring.add(SAMPLE)
    ring.add(later)
    assert ring.before(10) is SAMPLE


def test_the_age_of_statistics_tells_a_new_server_from_a_crash() -> None:
    def age(
        since: datetime | Unknown, made: datetime | None, crashed: bool, *, first: bool = False, standby: bool = False
    ) -> StatsAge:
        anew = since if isinstance(since, datetime) else None
        window = StatsWindow(since, NOW, NOW, crashed, made, first=first, anew=anew, standby=standby)
        return judge_age(window, True, SETTINGS)

    began = NOW - timedelta(minutes=4)
    crash = age(began, NOW - timedelta(days=9), True)
    assert not crash.settled
    assert crash.words == "statistics began 4m00s ago, after a crash or restore"
    assert not crash.standby
    standby = age(began, NOW - timedelta(days=9), True, standby=True)
    assert standby.words == "statistics began 4m00s ago, after this standby was made, or crashed"
    assert standby.standby
    fresh = age(began, began, False, first=True)
    assert fresh.settled
    assert "crash" not in fresh.words
    assert age(NOW - timedelta(days=2), None, True).settled
    assert not age(Unknown("not told"), None, False).settled
    assert not judge_age(StatsWindow(began, NOW, NOW, False, began), False, SETTINGS).settled


def test_after_a_crash_no_dead_rows_are_not_good_news() -> None:
    (line,) = judge_dead((), 0, SERVER, (), (), (), NOW, CRASHED, SETTINGS)
    assert line.verdict is Verdict.UNKNOWN
    assert "after a crash" in line.text
    (line,) = judge_dead((), 0, SERVER, (), (), (), NOW, SETTLED, SETTINGS)
    assert line.verdict is Verdict.OK
    off = judge_dead((), 0, replace(SERVER, enabled=False), (), (), (), NOW, SETTLED, SETTINGS)
    assert off[0].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("server", "options", "rows", "counters", "expected"),
    [
        pytest.param({}, {}, 1000.0, (250, 0, 0), (False, False, False), id="at the threshold"),
        pytest.param({}, {}, 1000.0, (251, 0, 0), (True, False, False), id="above it"),
        pytest.param({}, {}, -1.0, (51, 0, 0), (True, False, False), id="never counted"),
        pytest.param({"vacuum_max": 1e8}, {}, 1e9, (100_000_001, 0, 0), (True, False, False), id="capped (18)"),
        pytest.param({"vacuum_max": -1.0}, {}, 1e9, (100_000_001, 0, 0), (False, False, False), id="cap off"),
        pytest.param(
            {"vacuum_max": 1e8},
            {"autovacuum_vacuum_max_threshold": "-1"},
            1e9,
            (100_000_001, 0, 0),
            (False, False, False),
            id="cap off by option",
        ),
        pytest.param({}, {}, 1000.0, (0, 1201, 0), (False, True, False), id="inserts"),
        pytest.param(
            {}, {"autovacuum_vacuum_insert_threshold": "-1"}, 0.0, (0, 10**6, 0), (False, False, False), id="no inserts"
        ),
        pytest.param({}, {}, 1000.0, (0, 0, 151), (False, False, True), id="analyze"),
        pytest.param(
            {},
            {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "10"},
            1e9,
            (11, 0, 0),
            (True, False, False),
            id="options of its own",
        ),
    ],
)
def test_autovacuum_is_due_by_the_rule(
    server: dict[str, float],
    options: dict[str, str],
    rows: float,
    counters: tuple[int, int, int],
    expected: tuple[bool, bool, bool],
) -> None:
    dead, inserted, changed = counters
    found = due(
        replace(SERVER, **server),  # type: ignore[arg-type]  # only numbers are given
        options,
        rows=rows,
        pages=100,
        all_frozen=0,
        dead=dead,
        inserted=inserted,
        changed=changed,
    )
    assert (found.vacuum, found.insert, found.analyze) == expected


def test_frozen_pages_and_toast() -> None:
    given_ = {"rows": 1000.0, "pages": 100, "dead": 0, "inserted": 1150, "changed": 10**6}
    assert not due(SERVER, {}, all_frozen=0, **given_).insert  # type: ignore[arg-type]
    assert due(SERVER, {}, all_frozen=50, **given_).insert  # type: ignore[arg-type]  # 1000 + 0.2 x 1000 x 0.5
    toast = due(SERVER, {}, all_frozen=0, kind="t", **given_)  # type: ignore[arg-type]
    assert toast.analyze_at is None
    assert not toast.analyze


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (Age(150_000_000, 200_000_000, 1_600_000_000), Verdict.OK),
        (Age(210_000_000, 200_000_000, 1_600_000_000), Verdict.OK),  # due: routine
        (Age(400_000_000, 200_000_000, 1_600_000_000), Verdict.WARN),  # twice overdue
        (Age(900_000_000, 1_000_000_000, 1_600_000_000), Verdict.OK),  # 42 % of the way, but set so
        (Age(1_000_000_000, 1_000_000_000, 1_600_000_000), Verdict.WARN),
        (Age(1_600_000_000, 200_000_000, 1_600_000_000), Verdict.FAIL),
        (Age(STOP, 200_000_000, 1_600_000_000), Verdict.FAIL),
    ],
)
def test_wraparound_has_two_scales(age: Age, verdict: Verdict) -> None:
    assert verdict_of(age, SETTINGS) is verdict


@pytest.mark.parametrize(
    ("row", "limit", "used", "left"),
    [
        ({"next": 1}, 2**63 - 1, 0, 2**63 - 1),
        ({"next": 2**31 - 2, "feeds_type": "integer"}, 2**31 - 1, 2**31 - 3, 2),
        ({"next": 2**31, "feeds_type": "integer"}, 2**31 - 1, 2**31 - 1, 0),
        ({"last_value": 11, "increment": 10, "most": 100}, 100, 10, 8),
        ({"last_value": 2**31 + 5, "feeds_type": "integer"}, 2**31 - 1, 2**31 + 4, 0),
        ({"last_value": -5, "increment": -1, "least": -(2**63), "most": -1, "start": -1}, -(2**63), 4, 2**63 - 5),
        ({"last_value": 400, "increment": -1, "least": 1, "most": 1000, "start": 1000}, 1, 600, 399),
        ({"last_value": 5, "least": -(2**31), "most": 2**31 - 1, "start": 1}, 2**31 - 1, 5, 2**31 - 6),
        ({"last_value": 7, "feeds_type": "numeric"}, 2**63 - 1, 6, 2**63 - 8),
        ({"last_value": 2**31 - 2, "cycles": True, "feeds_type": "integer"}, 2**31 - 1, 2**31 - 3, 1),
    ],
)
def test_what_is_left_of_a_sequence(row: dict[str, object], limit: int, used: int, left: int) -> None:
    base = {
        "oid": 1, "schema": "public", "name": "s", "type": "bigint", "start": 1, "increment": 1, "least": 1,
        "most": 2**63 - 1, "cycles": False, "feeds_table": "public.t", "feeds_column": "id", "feeds_type": "bigint",
        "readable": True, "locked": False, "last_value": None, "next": None,
    }  # fmt: skip
    given = {**base, **row}
    use = use_of(given, given["next"])  # type: ignore[arg-type]
    assert (use.limit, use.used, use.left) == (limit, used, left)
    hidden = use_of({**base, "last_value": None, "readable": False})
    assert isinstance(hidden.last, Unknown)
    assert hidden.used is None
    # One that begins anew at its end has none, unless its column ends first.
    assert use.cycles is (bool(given["cycles"]) and limit == given["most"])
    assert isinstance(use_of(base).last, Unknown)  # unused, or set to near its end: not to be told


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (HotRatio(1, "public", "t", 20_000, 15_000, 5_000), "found no room"),
        (HotRatio(1, "public", "t", 20_000, 1_000, 100), "an indexed column is updated"),
        (HotRatio(1, "public", "t", 20_000, 1_000, None), "does not tell which"),
        (HotRatio(1, "public", "t", 20_000, 15_000, 100), ""),
    ],
)
def test_hot_updates(ratio: HotRatio, words: str) -> None:
    lines = judge_hot((ratio,), SETTLED, SETTINGS)
    assert bool(lines) is bool(words)
    assert all(words in line.text and "20\u202f000" in line.text for line in lines)


@pytest.mark.parametrize(("has", "proposed"), [(100, 85), (90, 85), (85, 70), (70, 50), (50, None), (20, None)])
def test_a_fill_factor_is_proposed_that_is_lower_than_the_one_there_is(has: int, proposed: int | None) -> None:
    (line,) = judge_hot((HotRatio(1, "public", "t", 20_000, 15_000, 5_000, has),), SETTLED, SETTINGS)
    assert ("SET (fillfactor" in line.sql) is (proposed is not None)
    assert proposed is None or f"fillfactor = {proposed})" in line.sql
    assert proposed is not None or f"The fill factor is {has} already" in line.remedy


def test_counters_that_stand_still_are_not_shown_as_zeros() -> None:
    off = judge_age(StatsWindow(NOW - timedelta(days=3), NOW, NOW, False), False, SETTINGS)
    passed = Interval(60.0, 0, 0, None, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    lines = {line.id: line for line in judge_io(SAMPLE, passed, None, off, SETTINGS).lines}
    for name in ("io.temp", "io.deadlocks", "io.rollbacks", "io.interval"):
        assert lines[name].verdict is Verdict.UNKNOWN
        assert "track_counts is off" in lines[name].text
        assert "0 " not in lines[name].text


@pytest.mark.parametrize("name", ["fsync", "zero_damaged_pages"])
def test_what_the_command_line_sets_is_not_to_be_mended_in_a_file(name: str) -> None:
    setting = Setting(name, "off" if name == "fsync" else "on", None, "command line", False)
    (line, *_) = judge_settings((setting,), 10**6, 8192)
    assert line.verdict is Verdict.FAIL
    assert "command line" in line.remedy
    assert "ALTER SYSTEM" not in line.sql
    (line, *_) = judge_settings((replace(setting, source="configuration file"),), 10**6, 8192)
    assert "ALTER SYSTEM" in line.sql


@pytest.mark.parametrize(("dead", "verdict"), [(0, Verdict.OK), (5_000, Verdict.OK), (60_000, Verdict.UNKNOWN)])
def test_bloat_is_not_called_ok_where_dead_rows_may_be_as_much(dead: int, verdict: Verdict) -> None:
    table = TableBloat(
        1, "public", "t", 30 * 10**6, 0, 40_000.0, 700, 100, 0, "low" if dead else "fair", (), dead, NOW, NOW
    )
    (line,) = judge_bloat([table], 1, 0, NOW, SETTLED, SETTINGS)
    assert line.verdict is verdict
    assert ("dead rows of 1 table are not in it" in line.text) is (verdict is Verdict.UNKNOWN)
    (line,) = judge_bloat([table], 1, 0, NOW, CRASHED, SETTINGS)  # which has emptied the count of dead rows
    assert line.verdict is Verdict.UNKNOWN
    assert "dead rows are not in it, and not known: statistics began" in line.text
    (named, *_) = judge_bloat([replace(table, wasted=20 * 10**6)], 1, 0, NOW, CRASHED, SETTINGS)
    assert "dead rows counted (statistics began" in named.text


def test_rates_need_time_and_enough_of_them() -> None:
    def verdicts(sample: HealthSample, age: StatsAge) -> dict[str, Verdict]:
        return {line.id: line.verdict for line in judge_io(sample, None, None, age, SETTINGS).lines}

    calm = verdicts(SAMPLE, SETTLED)
    assert {calm[name] for name in ("io.temp", "io.deadlocks", "io.rollbacks", "io.checkpoints")} == {Verdict.OK}
    busy = replace(SAMPLE, deadlocks=60, rollbacks=5000, temp_files=9, temp_bytes=10**12, checkpoints_requested=90)
    assert {v for k, v in verdicts(busy, SETTLED).items() if k != "io.wal"} == {Verdict.WARN}
    young = verdicts(busy, CRASHED)
    assert young["io.deadlocks"] is young["io.temp"] is Verdict.NONE
    few = verdicts(replace(SAMPLE, commits=3, rollbacks=3), SETTLED)
    assert few["io.rollbacks"] is Verdict.NONE
    broken = judge_io(SAMPLE, None, 2, SETTLED, SETTINGS).lines[0]
    assert (broken.id, broken.verdict) == ("io.checksums", Verdict.FAIL)


def test_settings_have_reasons() -> None:
    def judged(size: int | Unknown = 10**6, **values: str) -> dict[str, Verdict]:
        plain = {"fsync": "on", "track_io_timing": "on", "shared_buffers": "16384", **values}
        found = tuple(Setting(name, value, None, "default", False) for name, value in plain.items())
        return {line.id: line.verdict for line in judge_settings(found, size, 8192)}

    assert judged() == {"settings.summary": Verdict.OK}
    assert judged(fsync="off") == {"settings.fsync": Verdict.FAIL}
    assert judged(track_io_timing="off") == {
        "settings.track_io_timing": Verdict.NONE,
        "settings.summary": Verdict.OK,
    }
    assert judged(10**10)["settings.shared_buffers"] is Verdict.WARN
    assert "settings.shared_buffers" not in judged(10**10, shared_buffers="131072")
    assert "settings.shared_buffers" not in judged(Unknown("hidden"))
    own = (Setting("synchronous_commit", "off", None, "user", False),)
    (line, *_) = judge_settings(own, 10**6, 8192)
    assert (line.verdict, line.text) == (
        Verdict.UNKNOWN,
        "off for this user; what the server is set to is hidden by that",
    )
    restart = (Setting("shared_buffers", "16384", "8kB", "configuration file", True),)
    assert judge_settings(restart, 10**6, 8192)[0].id == "settings.shared_buffers.restart"


def test_sizes_that_are_guesses_say_so() -> None:
    def part(*tables: TableSize) -> SizesPart:
        return SizesPart(NOW, 10**9, (), tables, len(tables), 0, ())

    before = TableSize(1, "public", "t", False, 1, 1000, 10, False)
    after = replace(before, data=5000)
    assert grown(part(before), part(after))[0].growth == 4000
    assert grown(part(replace(before, guessed=True)), part(after))[0].growth is None
    assert grown(part(), part(after))[0].growth is None
    never = replace(before, data=0, indexes=0, guessed=True)
    line = judge_sizes(part(never), None)[1]
    assert line.verdict is Verdict.UNKNOWN
    assert "0 B" not in line.text
    assert isinstance(line.value, Unknown)


def _snapshot(*lines: HealthLine) -> HealthSnapshot:
    sizes = SizesPart(NOW, 0, (), (), 0, 0, lines)
    return HealthSnapshot(NOW, "lab", StatsWindow(NOW - timedelta(days=3), NOW, NOW, False), 0.0, {"sizes": sizes})


def test_the_headline_says_the_worst_first_and_never_passes_unknown_off_as_good() -> None:
    good = HealthLine("sizes.a", "sizes", "a", Verdict.OK, "fine")
    hidden = HealthLine("sizes.b", "sizes", "b", Verdict.UNKNOWN, "hidden", value=Unknown("hidden"))
    bad = HealthLine("sizes.c", "sizes", "c", Verdict.FAIL, "broken")
    assert headline(_snapshot(good)) == "Nothing needs attention: 1 ok."
    assert "not everything is known: B: hidden." in headline(_snapshot(good, hidden))
    assert headline(_snapshot(good, hidden, bad)) == "C: broken. In all 1 failing, 1 unknown, 1 ok."
    assert headline(_snapshot()) == "No health section was looked at."


def test_rows_and_detail_are_safe_and_sorted() -> None:
    snapshot = _snapshot(
        HealthLine("sizes.a", "sizes", "a", Verdict.OK, "fine"),
        HealthLine(
            "sizes.c", "sizes", "t\x1b[31m [red]", Verdict.FAIL, "broken", 1.5, 2.0, "because", "mend", "VACUUM;"
        ),
    )
    look = Look()
    rows = render.rows(snapshot, look, "worst", "")
    assert [row.key for row in rows] == ["sizes.c", "sizes.a"]
    assert "\x1b" not in rows[0].cells["what"][0]
    assert {column.key for column in render.COLUMNS} == set(rows[0].cells)
    assert [row.key for row in render.rows(snapshot, look, "what", "FINE")] == ["sizes.a"]
    assert all(render.rows(snapshot, look, order, "") for order in render.ORDERS)
    detail = render.detail(snapshot, "sizes.c", look)
    assert detail is not None
    for words in ("✗ fail", "1.50", "2.00", "counters since 2026-01-28", "because", "mend", "VACUUM;"):
        assert words in detail.plain
    assert "\x1b" not in detail.plain
    assert render.detail(snapshot, "gone", look) is None
    assert render.headline(snapshot) == headline(snapshot)


def test_what_is_cut_is_said() -> None:
    lines = [HealthLine(str(at), "bloat", "t", Verdict.WARN, "x") for at in range(12)]
    kept = only_first(lines, 5, "tables")
    assert len(kept) == 5
    assert "7 more tables" in kept[-1].why


def test_workers_and_locks_keep_autovacuum_away() -> None:
    from devora_console.postgres.health.tables import TableVacuum

    passed = due(SERVER, {}, rows=0, pages=1, all_frozen=0, dead=100, inserted=0, changed=0)
    table = TableVacuum(1, "public", "t", "r", None, 0, 0, 100, 0, 0, None, None, None, None, None, None, {}, passed)
    assert obstacle_of(table, SERVER, ()) is None
    assert "workers are busy" in (obstacle_of(table, replace(SERVER, workers=3), ()) or "")
    assert obstacle_of(table, replace(SERVER, workers=None), ()) is None
    locked = replace(table, locked_by=7, lock_mode="ShareLock")
    assert "session 7 holds ShareLock" in (obstacle_of(locked, SERVER, ()) or "")
