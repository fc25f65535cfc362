"""Tables, bars and the exported text: they fit, they stay safe, and they hold nothing that was not measured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from devora_console.bench.export import markdown
from devora_console.bench.judge import goal, lines
from devora_console.bench.result import Result
from devora_console.bench.store import Store, new_id, read
from devora_console.config.bench import BenchSettings
from devora_console.core.problems import ConsoleError, Problem
from devora_console.core.unknown import Unknown
from devora_console.tui.render.bench import (
    COLUMNS,
    RESULT_COLUMNS,
    change_bars,
    condition_lines,
    headline,
    history_line,
    question_lines,
    question_rows,
    result_rows,
    warning_lines,
)
from devora_console.tui.render.look import Look
from tests.bench.fakes import AT, NOT_THERE, asked, result, series

SETTINGS = BenchSettings()
HOSTILE = "```\n# x | \x1b[31m\u202e*"


def whole(stand_in: str = "", title: str = "Find user projects") -> Result:
    """Faster, slower, new, failed, and too few."""
    with_vector = series(280.0, 270.0, apart=((200.0,) * 5,) * 30, apart_by="text-embedding-3-small, OpenAI")
    return result(
        asked(series(145.0, 150.0), series(42.0, 40.0), title=title),
        asked(series(30.0, 31.0), series(60.0, 61.0), id="slow", title="Open"),
        asked(NOT_THERE, series(35.0), id="fts", title="Full-text search", missing={"mongo": NOT_THERE.reason}),
        asked(NOT_THERE, with_vector, id="rag", title="Semantic", missing={"mongo": NOT_THERE.reason}),
        asked(series(9.0), Unknown("it failed: no table"), id="broken", title="Broken"),
        asked(series(9.0, subjects=30, rounds=2, digest="z"), series(8.0, rounds=2), id="few", title="Few"),
        stand_in=stand_in,
    )


def text(found: Result) -> str:
    judged = lines(found, SETTINGS)
    return markdown(found, judged, goal(found, judged, SETTINGS))


def test_the_export_is_the_guides_table() -> None:
    found = text(whole())
    assert "### Before (MongoDB 7.0.14)" in found
    assert "### After (PostgreSQL 18.6)" in found
    assert re.search(r"Query: Find user projects\n- Average: \d+ms\n- P95: \d+ms\n- P99: \d+ms\n", found)
    assert re.search(r"- Average: \d+ms \(-7\d% ✓\)\n- P95: \d+ms \(-7\d% ✓\)\n- P99: \d+ms \(-7\d% ✓\)\n", found)
    assert re.search(r"Query: Open\n- Average: \d+ms \(\+9\d% ✗\)", found)
    assert "Query: Full-text search\n- Not available (manual implementation)" in found
    assert re.search(r"Query: Full-text search\n- Average: \d+ms \(NEW\)", found)
    assert "Query: Broken\n- Not measured: it failed: no table" in found
    assert "- Includes the query's embedding (text-embedding-3-small, OpenAI)" in found
    assert re.search(r"- Without it: average \d+ms", found)
    assert "P99: not known (needs 100 measurements, there are 60)" in found
    assert re.search(r"Query: Few\n- Average: 9.2ms \(-11% \?\)", found)  # the answers differ
    assert "**Goal of -67%: not reached ❌** (above it: Open)" in found


def test_a_stand_in_and_a_side_that_was_not_measured_are_said_first() -> None:
    found = text(whole("nx does not answer buildInfo"))
    assert "### Before (a stand-in for MongoDB)" in found
    assert "**Not MongoDB**: nx does not answer buildInfo" in found
    assert "Goal of -67%: not shown" in found
    alone = replace(whole(), mongo=Unknown("MongoDB was not measured before the switch"))
    assert "Not measured: MongoDB was not measured before the switch." in text(alone)


def test_the_export_keeps_hostile_titles_in_their_place() -> None:
    found = text(whole(title=HOSTILE))
    assert found.count("```") == 4
    assert "\x1b" not in found
    assert "\u202e" not in found
    rows = [line for line in found.splitlines() if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)


@pytest.mark.parametrize("look", [Look(), Look(unicode=False)])
@pytest.mark.parametrize("width", [20, 60, 100])
def test_lines_fit_and_are_safe(look: Look, width: int) -> None:
    judged = lines(whole(title=HOSTILE), SETTINGS)
    bars = change_bars(judged, width, look)
    assert all(cell_len(each) <= width for each in bars)
    assert (width == 20) is (not bars)
    every = [*bars, *(line for each in judged for line in question_lines(each, look)), *warning_lines(judged, look)]
    every += condition_lines(whole(), look)
    assert all("\x1b" not in each and "\u202e" not in each for each in every)
    if not look.unicode:
        assert all(each.isascii() for each in every)


def test_rows_have_a_cell_for_each_column_and_nothing_where_nothing_was_measured() -> None:
    judged = lines(whole(), SETTINGS)
    rows = {row.key: row.cells for row in question_rows(judged, Look())}
    assert all(set(cells) == {column.key for column in COLUMNS} for cells in rows.values())
    assert rows["fts"]["mongo"][0] == "–"
    assert rows["fts"]["change"][0] == "new"
    assert rows["broken"]["postgres"][0] == "–"
    assert rows["few"]["mongo99"][0] == "?"
    assert rows["user-projects"]["verdict"][0] == "✓ faster"
    (row,) = result_rows([whole()], Look())
    assert set(row.cells) == {column.key for column in RESULT_COLUMNS}
    assert goal(whole(), judged, SETTINGS).words in headline(whole(), judged, goal(whole(), judged, SETTINGS), Look())
    found = "\n".join(question_lines(judged[3], Look()))
    assert "without the embedding: average 1" in found


def test_results_over_time_are_a_line() -> None:
    one, two = whole(), result(asked(NOT_THERE, series(84.0)))
    assert history_line([one], "user-projects", 80, Look()) == ""
    assert "96 ms now, 96 at most, 2 results" in history_line([one, two], "user-projects", 80, Look())
    other = result(asked(NOT_THERE, series(900.0), digest="x"))
    assert "96 at most, 2 results" in history_line([other, one, two], "user-projects", 80, Look())
    crowded = replace(one, manner=replace(one.manner, concurrency=64))
    assert history_line([crowded, two], "user-projects", 80, Look()) == ""


def test_a_result_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "bench")
    store.prepare()
    found = replace(whole("a stand-in"), id="20261128-060000-both-3fa9")
    assert len(new_id(AT, "both")) == len(found.id)
    path = store.keep(found)
    assert path.stat().st_mode & 0o077 == 0
    assert store.read("last") == store.read(found.id[:15]) == found
    assert read(store) == [found]
    assert store.latest_before("devora_db") == found
    assert store.latest_before("other") is None
    part = replace(result(asked(series(9.0), NOT_THERE, digest="x")), id="20261128-060000-before-0000")
    store.keep(part)
    newer = replace(found, id="20261128-060000-both-ffff", questions=found.questions[:1])
    store.keep(newer)
    assert store.latest_before("devora_db", ["x"]) == part
    assert store.latest_before("devora_db", ["d"]) == found  # it has more of them than the newer one
    store._path(part.id).unlink()
    store._path(newer.id).unlink()
    (tmp_path / "bench" / "20261128-060001-both-ffff.json").write_text('{"id": 1}')
    (tmp_path / "bench" / "notes.json").write_text("{}")
    assert [type(each) for each in store.every()] == [Result, Problem]
    assert store.latest_before("devora_db") == found
    with pytest.raises(ConsoleError, match="is not a result of this console"):
        store.read("last")
    with pytest.raises(ConsoleError, match="may be any of"):
        store.read("2026")
    blocked = Store(path)
    with pytest.raises(ConsoleError, match="cannot be written"):
        blocked.prepare()
