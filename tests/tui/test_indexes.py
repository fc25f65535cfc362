"""The index doctor on a screen: the headline's words, lines drawn together, hostile names harmless."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.snapshot import Finding, IndexesSnapshot, Kind
from devora_console.tui.render.columns import fit_columns
from devora_console.tui.render.indexes import COLUMNS, ORDERS, detail, finding_of, headline, rows
from devora_console.tui.render.look import Look

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_EVIL = "a\x1b[31m [red]x[/] \u202e\nb"


def _finding(kind: Kind, verdict: Verdict, name: str, size: int | Unknown = 24_000_000, **more: str) -> Finding:
    given = {"reason": "because", "confidence": "yes", "remedy_sql": f'DROP INDEX "{name}";'} | more
    return Finding(kind, verdict, "public", name, "t", hash(name) % 10_000, size, **given)  # type: ignore[arg-type]


def _snapshot(*findings: Finding, unused_unknown: str = "", count: int | Unknown = 195) -> IndexesSnapshot:
    return IndexesSnapshot(
        _NOW,
        "lab",
        Unknown("not asked"),
        _NOW - timedelta(days=40),
        count,
        34_000_000,
        unused_unknown,
        findings,
        (),
        {},
    )


_DUPLICATES = tuple(_finding(Kind.DUPLICATE, Verdict.WARN, f"d{n}") for n in range(2))
_CANDIDATES = tuple(
    _finding(Kind.UNUSED, Verdict.UNKNOWN, f"u{n}", confidence="no: window 4 min", remedy_sql="") for n in range(14)
)


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (_snapshot(), "No finding: 195 indexes, 34.0 MB."),
        (_snapshot(count=0), "There are no indexes in user schemas."),
        (_snapshot(count=Unknown("too slow")), "The indexes could not be read: too slow."),
        (
            _snapshot(
                *_DUPLICATES,
                _finding(Kind.INVALID, Verdict.FAIL, "x"),
                unused_unknown="statistics began 4m10s ago, after a crash; 30 days are needed",
            ),
            '1 index is invalid; 2 duplicates waste 48.0 MB; "unused" is unknown: statistics began 4m10s ago, after a'
            " crash; 30 days are needed.",
        ),
        (
            _snapshot(unused_unknown="connected replicas: 1"),
            'Nothing wrong that can be known: 195 indexes, 34.0 MB; "unused" is unknown: connected replicas: 1.',
        ),
        (
            replace(_snapshot(), not_compared=9),  # some behind a lock: there may be duplicates among them
            "Nothing wrong that can be known: 195 indexes, 34.0 MB; 9 indexes could not be compared: see the notes.",
        ),
        (
            replace(_snapshot(_finding(Kind.INVALID, Verdict.FAIL, "x"), *_DUPLICATES), not_compared=1),
            "1 index is invalid; 1 index could not be compared: see the notes; 2 duplicates waste 48.0 MB.",
        ),
        (_snapshot(_finding(Kind.UNUSED, Verdict.WARN, "x")), "1 unused index takes 24.0 MB."),
        (_snapshot(_finding(Kind.KEPT, Verdict.OK, "x")), "No finding: 195 indexes, 34.0 MB."),
        (_snapshot(_finding(Kind.BUILDING, Verdict.RUNNING, "x")), "1 index is being built."),
        (
            _snapshot(_finding(Kind.BLOATED, Verdict.UNKNOWN, "x", Unknown("hidden"))),
            "Whether 1 index is bloated is unknown.",
        ),
    ],
)
def test_headline(snapshot: IndexesSnapshot, words: str) -> None:
    assert headline(snapshot) == words


def test_what_is_unknown_of_many_is_one_line_and_a_filter_opens_it() -> None:
    snapshot = _snapshot(*_DUPLICATES, *_CANDIDATES)
    shown = rows(snapshot, Look(), "finding")
    assert [row.cells["index"][0] for row in shown] == ["d0", "d1", "14 candidates"]
    assert shown[2].cells["finding"][0] == "? unused"
    assert shown[2].cells["why"][0] == "window 4 min"
    assert "u13" in str(detail(snapshot, shown[2].key, Look()))
    opened = rows(snapshot, Look(), "finding", "unused")
    assert len(opened) == 14
    assert len({row.key for row in opened}) == 14
    assert "sure\nno: window 4 min" in str(detail(snapshot, opened[3].key, Look()))
    assert detail(snapshot, "gone", Look()) is None
    assert finding_of(snapshot, shown[2].key) is None
    assert [finding_of(snapshot, row.key) for row in opened] == list(_CANDIDATES)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("look", [Look(), Look(unicode=False)], ids=["utf-8", "ascii"])
def test_hostile_names_are_harmless(order: str, look: Look) -> None:
    evil = replace(_finding(Kind.DUPLICATE, Verdict.WARN, _EVIL, keep=_EVIL), reason=_EVIL, table=_EVIL, notes=(_EVIL,))
    snapshot = _snapshot(evil, *_CANDIDATES)
    for row in rows(snapshot, look, order):
        for words, _ in row.cells.values():
            assert not {"\x1b", "\n", "\u202e"} & set(words)
        shown = detail(snapshot, row.key, look)
        assert shown is not None
        assert not {"\x1b", "\u202e"} & set(shown.plain)
        if not look.unicode:
            assert shown.plain.isascii()


def test_the_columns_fit() -> None:
    assert [column.key for column in fit_columns(COLUMNS, 80)] == ["finding", "index", "size", "why", "sure"]
    assert [column.key for column in fit_columns(COLUMNS, 120)] == [column.key for column in COLUMNS]
