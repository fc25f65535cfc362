"""What is shown of statements: rows, headline, detail and the command, from snapshots and from a server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from devora_console.cli.entry import run
from devora_console.config.secret import Dsn
from devora_console.core.problems import ExitCode
from devora_console.core.unknown import Unknown
from devora_console.postgres.statements import (
    Key,
    QueriesSnapshot,
    Running,
    RunningSnapshot,
    StatementsSample,
    StatementsSnapshot,
    interval,
    since_reset,
)
from devora_console.tui.render.columns import fit_columns
from devora_console.tui.render.look import Look
from devora_console.tui.render.queries import COLUMNS, ORDERS, columns_for, detail, headline, original, rows, slow_words
from tests.postgres.conftest import as_role, execute
from tests.postgres.test_statements_pure import NESTED, START, A, B, counted, sample

HOSTILE = "SELECT '\x1b[31m' AS \"[bold]x[/bold]\" /* \u202e */ FROM t WHERE a = $1"
NO_RUNNING = RunningSnapshot((), 100.0, 0, 0, 0)
RUNNING = Running(7, START, 61_000.0, None, False, "Lock: tuple", "UPDATE \x1b]0;t\x07", True, "db\x1b", "me\u202e")


def dressed(found: StatementsSnapshot, slow: int = 0, text: str | Unknown = HOSTILE) -> StatementsSnapshot:
    statements = tuple(replace(each, text=text, user="ana\x1b", database="db") for each in found.statements)
    return replace(found, statements=statements, count=len(statements), slow=slow, ours=2)


def queries(
    statements: StatementsSnapshot | Unknown, running: RunningSnapshot | Unknown = NO_RUNNING
) -> QueriesSnapshot:
    return QueriesSnapshot(START, 100.0, statements, running)


def between(new: dict[Key, Any], old: dict[Key, Any] | None = None, **more: Any) -> StatementsSnapshot:
    before: StatementsSample = sample(0, old or {})
    return interval(before, sample(10, new, **more))


ONE = dressed(between({A: counted(4, 800.0)}), slow=1)
HEADLINES = {
    "slow": (
        queries(ONE),
        "1 statement with a mean of 100 ms or more in the last 10s; the most expensive one listed takes 100.0 % of all"
        " time.",
    ),
    "none slow": (queries(dressed(between({}))), "No statement with a mean of 100 ms or more in the last 10s."),
    "since reset": (
        queries(dressed(since_reset(sample(0, {A: counted(1, 5.0)})))),
        "No statement with a mean of 100 ms or more since 2026-03-01T11:43:20Z; the most expensive one listed takes"
        " 100.0 % of all time.",
    ),
    "since nobody knows": (
        queries(dressed(since_reset(sample(0, {}, reset=None, dealloc=None)))),
        "No statement with a mean of 100 ms or more since an unknown time.",
    ),
    "reset": (
        queries(dressed(between({A: counted(1, 5.0, None)}, {A: counted(3, 9.0, None)}, reset=5))),
        "The statistics were reset in this interval. 1 of 1 statement unknown in the last 10s. No statement with a mean"
        " of 100 ms or more in the last 10s.",
    ),
    "after a crash": (
        queries(dressed(between({A: counted(1, 5.0, None)}, reset=5, lost_by="a crash or restore"))),
        "The statistics were reset in this interval, after a crash or restore. No statement with a mean of 100 ms or"
        " more in the last 10s; the most expensive one listed takes about 100.0 % of all time.",
    ),
    "restarted": (
        queries(dressed(replace(ONE, window=replace(ONE.window, restarted=True)), slow=1)),
        "The server was restarted in this interval. 1 statement with a mean of 100 ms or more in the last 10s; the"
        " most expensive one listed takes 100.0 % of all time.",
    ),
    "hidden": (
        queries(dressed(between({}, hidden=7))),
        "No visible statement with a mean of 100 ms or more in the last 10s. 7 statements hidden by privilege.",
    ),
    "evicted": (
        queries(dressed(between({A: counted(1, 5.0)}, dealloc=2))),
        "Statements were evicted in this interval. No statement with a mean of 100 ms or more in the last 10s; the most"
        " expensive one listed takes about 100.0 % of all time.",
    ),
    "missing": (
        queries(Unknown("pg_stat_statements is not here", "do so"), replace(NO_RUNNING, hidden=3)),
        "Statements are unknown: pg_stat_statements is not here. do so. 3 sessions hidden by privilege.",
    ),
    "running": (
        queries(dressed(between({})), replace(NO_RUNNING, statements=(RUNNING,))),
        "No statement with a mean of 100 ms or more in the last 10s. 1 statement runs now for 100 ms or longer, the"
        " longest for 1m01s.",
    ),
    "running is unknown": (
        queries(dressed(between({})), Unknown("no")),
        "No statement with a mean of 100 ms or more in the last 10s. What runs now is unknown: no.",
    ),
}


@pytest.mark.parametrize(("snapshot", "words"), HEADLINES.values(), ids=HEADLINES)
def test_the_headline_says_the_worst_first(snapshot: QueriesSnapshot, words: str) -> None:
    assert headline(snapshot) == words


def test_rows_are_safe_and_say_what_is_unknown() -> None:
    old = {B: counted(3, 9.0)}
    new = {A: counted(4, 800.0), B: counted(5, 12.0, since=-3), NESTED: counted(1, 10.0)}
    snapshot = queries(dressed(between(new, old), slow=1), replace(NO_RUNNING, statements=(RUNNING,)))
    found = {
        row.key: {name: words for name, (words, _) in row.cells.items()} for row in rows(snapshot, Look(), "total")
    }
    running, a, nested, b = found.values()
    assert running["statement"].startswith("… running, waits for Lock: tuple: UPDATE")
    assert a["statement"].startswith("! slow, new: SELECT")
    assert (a["share"], a["mean"], a["calls"], a["hit"]) == ("≤100.0", "200 ms", "4", "–")
    assert nested["statement"].startswith("nested, new: ")
    assert {b[name] for name in ("share", "mean", "calls", "io", "change")} == {"?"}
    every = "".join(words for cells in found.values() for words in cells.values())
    assert not {"\x1b", "\x07", "\u202e"} & set(every)
    assert "[bold]x[/bold]" in every
    for row in rows(snapshot, Look(unicode=False), "total"):
        assert all(words.isascii() for words, _ in row.cells.values())


def test_slow_means_slow_in_the_window_of_the_figures_everywhere() -> None:
    was, now = {A: counted(4, 800.0), B: counted(4, 8.0)}, {A: counted(8, 804.0), B: counted(5, 1008.0)}
    snapshot = queries(dressed(between(now, was), slow=1))  # A was slow once, B is
    (row,) = rows(snapshot, Look(), "slow")
    assert row.key == "/".join(map(str, B))
    assert row.cells["statement"][0].startswith("! slow: ")
    assert "1 statement with a mean of 100 ms or more in the last 10s" in headline(snapshot)
    assert slow_words(snapshot) == "slow statements: a mean of 100 ms or more in the last 10s"
    without = queries(dressed(since_reset(sample(10, now))))
    assert len(rows(without, Look(), "slow")) == 2
    assert "in the last" not in slow_words(without)


def test_every_order_and_the_filter() -> None:
    snapshot = queries(dressed(between({A: counted(4, 800.0), B: counted(50, 90.0)})))
    first = {order: rows(snapshot, Look(), order)[0].key for order in ORDERS}
    assert first["total"] == first["mean"] == first["slow"] != first["calls"] == first["rows"]
    assert len(rows(snapshot, Look(), "slow")) == 1
    assert len(rows(snapshot, Look(), "total", "ANA")) == 2
    assert rows(snapshot, Look(), "total", "nowhere") == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_columns_fit(width: int) -> None:
    fitting = fit_columns(COLUMNS, width)
    keys = [each.key for each in fitting]
    assert keys[:5] == ["share", "mean", "trend", "calls", "rows"][: len(keys[:5])]
    assert keys[-1] == "statement"
    assert ("wal" in keys) is (width == 120)
    assert "wal" in [each.key for each in fit_columns(columns_for("wal", interval=True), 80)]


def test_the_detail_tells_both_windows_and_why() -> None:
    statements = replace(ONE, trends={A: (0.0, None, 80.0)})
    snapshot = queries(statements)
    (row,) = rows(snapshot, Look(), "total")
    shown = detail(snapshot, row.key, Look())
    assert shown is not None
    for words in (
        "! slow in the interval: mean 200.00 ms, slow from 100 ms (queries.slow_ms)",
        "\nFROM t\nWHERE a = $1",
        "interval since reset",
        "not measured: pg_stat_statements.track_planning is off",
        "▁?█  last 3 intervals",
        "interval: 100.0 %",
    ):
        assert words in shown.plain
    assert not {"\x1b", "\u202e"} & set(shown.plain)
    assert original(snapshot, row.key) == HOSTILE
    assert detail(snapshot, "gone", Look()) is None
    assert original(snapshot, "gone") is None
    ascii_only = detail(snapshot, row.key, Look(unicode=False))
    assert ascii_only is not None
    assert ascii_only.plain.isascii()


def test_the_detail_of_what_runs_or_is_unknown() -> None:
    snapshot = queries(Unknown("missing"), replace(NO_RUNNING, statements=(RUNNING,)))
    (row,) = rows(snapshot, Look(), "total")
    shown = detail(snapshot, row.key, Look())
    assert shown is not None
    assert "query identifiers" in shown.plain
    assert "maybe cut here" in shown.plain
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.plain)
    hidden = queries(dressed(between({A: counted(1, 1.0)}), text=Unknown("its text is hidden", "GRANT it")))
    shown = detail(hidden, rows(hidden, Look(), "total")[0].key, Look())
    assert shown is not None
    assert "? its text is hidden. GRANT it" in shown.plain
    assert original(hidden, rows(hidden, Look(), "total")[0].key) is None


async def _ask(monkeypatch: pytest.MonkeyPatch, dsn: Dsn, *arguments: str) -> int:
    """Run the command as a process would: on a thread of its own, since it has a loop of its own."""
    monkeypatch.setenv("POSTGRES_DSN", dsn.reveal())
    return await asyncio.to_thread(run, ["queries", *arguments])


async def test_the_command(watched: Dsn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _ask(monkeypatch, watched, "--json") == ExitCode.NEGATIVE
    missing = json.loads(capsys.readouterr().out)
    assert missing["statements"]["unknown"] == missing["window"]["unknown"] == missing["problems"][0]["message"]
    assert "CREATE EXTENSION" in missing["problems"][0]["remedy"]
    assert missing["running"] == []

    await execute(watched, "CREATE EXTENSION pg_stat_statements", "SELECT pg_stat_statements_reset()")
    await execute(watched, "SELECT pg_sleep(0.15)", "SELECT 6 / 3 AS quick")
    assert await _ask(monkeypatch, watched, "--json", "--limit", "500") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["window"]["kind"] == "since_reset"
    by_text = {each["text"]: each for each in found["statements"]}
    sleep = by_text["SELECT pg_sleep($1)"]
    assert sleep["slow"] is True
    assert sleep["since_reset"]["calls"] == 1
    assert "unknown" in sleep["interval"]
    assert "unknown" in sleep["since_reset"]["plan_ms"]
    assert isinstance(sleep["queryid"], str)
    assert by_text["SELECT $1 / $2 AS quick"]["slow"] is False

    assert await _ask(monkeypatch, watched, "--json", "--slow", "--interval", "0.5") == 0
    quiet = json.loads(capsys.readouterr().out)
    assert quiet["window"]["kind"] == "interval"
    assert quiet["window"]["seconds"] >= 0.5
    assert quiet["statements"] == []  # it is slow, but did not run in the interval

    for arguments in (("--slow",), ("--view",), ("--sort", "total"), ("--min-ms", "100"), ("--running",)):
        assert await _ask(monkeypatch, watched, *arguments) == 0
        out = capsys.readouterr().out
        assert ("pg_sleep" in out) is (arguments != ("--running",))
        assert "quick" not in out or arguments == ("--sort", "total")


async def test_the_command_for_nobody(
    watched: Dsn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await execute(watched, "CREATE EXTENSION pg_stat_statements", "SELECT 6 / 3 AS of_others")
    assert await _ask(monkeypatch, await as_role(watched), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["window"]["hidden"] > 0
    assert any("GRANT pg_read_all_stats" in note for note in found["notes"])
    assert not [each for each in found["statements"] if "of_others" in str(each["text"])]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sort", "speed"),
        ("--interval", "0"),
        ("--min-ms", "-1"),
        ("--limit", "0"),
        ("--view", "--slow"),
        ("--running", "--interval", "3"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...]) -> None:
    assert run(["queries", *arguments]) == ExitCode.USAGE
