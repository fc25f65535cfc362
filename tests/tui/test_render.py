"""Renderers: widths, signs, what gives way first, what never does."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import devora_console.tui.render as package
from devora_console.core.actions import PLACES, actions_of
from devora_console.core.console import Link, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import CollectionState, RatePoint, State
from devora_console.tui.ports import TuiOptions
from devora_console.tui.render.columns import fit_columns
from devora_console.tui.render.detail import collection_detail
from devora_console.tui.render.header import banner, footer_line, header_line, rule_line, strip_line
from devora_console.tui.render.look import Look
from devora_console.tui.render.migration import (
    COLLECTION_COLUMNS,
    TABLE_COLUMNS,
    collection_rows,
    conversions_line,
    table_rows,
    verification_line,
)
from devora_console.tui.render.quarantine import document_lines, quarantine_rows
from devora_console.tui.render.run import trend_line
from devora_console.tui.render.trend import plot, spark
from tests.tui.fake import AT, copied, copying, header, items, lost

UNICODE, PLAIN = Look(), Look(unicode=False)


@pytest.mark.parametrize("module", [name for _, name, _ in pkgutil.iter_modules(package.__path__)])
def test_examples_in_the_renderers_hold(module: str) -> None:
    found = importlib.import_module(f"{package.__name__}.{module}")
    assert doctest.testmod(found).failed == 0


@pytest.mark.parametrize("width", [40, 69, 109, 200])
@pytest.mark.parametrize("environment", ["staging", "production", "x" * 1_000_000])
def test_the_header_fits_and_keeps_the_guard(width: int, environment: str) -> None:
    shown = replace(header(environment, AT), read_only=True)
    line = header_line(shown, width, UNICODE)
    assert line.cell_len <= width
    if width >= 69:
        assert "READ-ONLY" in line.plain
        assert "devora" in line.plain


def test_production_is_reversed_and_only_that() -> None:
    assert any("reverse" in str(span.style) for span in header_line(header("production", AT), 100, UNICODE).spans)
    assert not any("reverse" in str(span.style) for span in header_line(header("staging", AT), 100, UNICODE).spans)


def test_the_guard_is_one_of_three_words() -> None:
    base = header(now=AT)
    assert "READ-ONLY" in header_line(replace(base, read_only=True), 100, UNICODE).plain
    assert " ARMED" in header_line(base, 100, UNICODE).plain
    assert "WRITABLE" in header_line(replace(base, armed=False), 100, UNICODE).plain


@pytest.mark.parametrize("link", Link)
def test_a_link_that_is_not_well_says_so_in_words(link: Link) -> None:
    base = header(now=AT)
    shown = replace(base, postgres=replace(base.postgres, link=link, version=Unknown("not connected")))
    line = header_line(shown, 69, PLAIN).plain
    assert line.isascii()
    assert link is Link.OK or link.value in line


def test_the_banner_tells_since_when_and_what_comes_next() -> None:
    words = banner(lost(header(now=AT)), None, AT + timedelta(seconds=1), UNICODE).plain
    assert words == (
        "✗ lost PostgreSQL devora@db1 for 13s · attempt 3, next in 3s · "
        "the server closed the connection. Start it, or wait"
    )
    assert banner(header(now=AT), None, AT, UNICODE).plain == ""
    assert "refused" in banner(header(now=AT), Problem("x", "refused"), AT, UNICODE).plain


def test_the_strip_shows_short_names_where_it_is_narrow() -> None:
    assert "2 Migration" in strip_line(PLACES, "overview", 112, UNICODE, note="", help_key="?").plain
    narrow = strip_line(PLACES, "overview", 32, UNICODE, note="", help_key="?").plain
    assert "2 Migr " in narrow
    assert cell_len(narrow) == 32


def test_the_rule_carries_the_age_of_stale_data() -> None:
    assert rule_line(20, UNICODE).plain == "─" * 20
    assert "◌ stale 12s" in rule_line(40, UNICODE, "stale 12s").plain
    assert rule_line(40, PLAIN, "stale 12s").cell_len == 40


@pytest.mark.parametrize("screen", ["overview", "migration", "quarantine"])
def test_the_footer_keeps_what_matters_and_fits(screen: str) -> None:
    own = actions_of(screen)
    line = footer_line(own, {}, {}, 80, UNICODE)
    assert line.cell_len <= 80
    assert "Q quit" in line.plain
    assert footer_line(own, {}, {}, 20, UNICODE).cell_len <= 20


@pytest.mark.parametrize("width", [80, 78, 60, 40])
def test_tables_fit(width: int) -> None:
    for columns in (COLLECTION_COLUMNS, TABLE_COLUMNS):
        fitted = fit_columns(columns, width)
        assert sum(c.width for c in fitted) + 2 * (len(fitted) - 1) + 1 == width or width < 60
        assert fitted[0].key == "name"


def test_every_column_shows_at_80() -> None:
    assert len(fit_columns(COLLECTION_COLUMNS, 80)) == len(COLLECTION_COLUMNS)
    assert len(fit_columns(TABLE_COLUMNS, 80)) == len(TABLE_COLUMNS)


def test_collections_in_every_order_and_filtered() -> None:
    snapshot = copying(0.61, AT)
    assert [row.key for row in collection_rows(snapshot, UNICODE)][:2] == ["users", "projects"]
    assert collection_rows(snapshot, UNICODE, "documents")[0].key == "audit_logs"
    assert collection_rows(snapshot, UNICODE, "quarantined")[0].key == "conversations"
    assert [row.key for row in collection_rows(snapshot, UNICODE, keep="PRO")] == ["projects", "prompts"]
    cells = {row.key: row.cells for row in collection_rows(snapshot, PLAIN)}
    assert cells["audit_logs"]["documents"][0] == "58 058/120 k"
    assert cells["audit_logs"]["state"][0] == "~ writing 48 %"
    assert cells["sessions"]["documents"][0] == "-/2 019"


def test_what_a_collection_has_behind_it_is_counted_in_documents_to_write() -> None:
    base = next(each for each in copying(0.61, AT).collections if each.name == "conversations")
    one = replace(base, state=CollectionState.WRITING, written=44_000, unchanged=1_000, migrated=90_000)
    running = replace(copying(0.61, AT), collections=(one,))
    stopped = replace(running, state=State.STOPPED, collections=(replace(one, state=CollectionState.FAILED),))
    failed = replace(stopped, state=State.FAILED)
    shown = [collection_rows(each, PLAIN)[0].cells for each in (running, stopped, failed)]
    assert [cells["documents"][0] for cells in shown] == ["45 000/89 000"] * 3
    assert [cells["state"][0] for cells in shown] == ["~ writing 50 %", "! stopped", "x failed"]


def test_an_unknown_total_is_never_a_number() -> None:
    snapshot = copying(0.61, AT)
    first = replace(snapshot.collections[0], total=Unknown("count was refused"))
    snapshot = replace(snapshot, collections=(first,))
    assert collection_rows(snapshot, UNICODE)[0].cells["documents"][0] == "150/?"
    assert "count was refused" in collection_detail(first, snapshot, UNICODE).plain


def test_verification_lines() -> None:
    assert "10 of 11 tables" in verification_line(copied(False, AT), 120, UNICODE).plain
    assert "✗ mismatch" in verification_line(copied(False, AT), 120, UNICODE).plain
    assert verification_line(copied(True, AT), 60, UNICODE).cell_len <= 60
    done = copied(True, AT)
    assert done.verification is not None
    old = replace(done, verification=replace(done.verification, at=AT - timedelta(days=1)))
    assert "◌ stale" in verification_line(old, 120, UNICODE).plain
    rows = {row.key: row.cells for row in table_rows(copied(False, AT), PLAIN)}
    assert rows["messages"]["status"] == ("x mismatch", PLAIN.fail)
    assert rows["messages"]["missing"][0] == "3"
    assert rows["projects"]["accounted"][0] == "1"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_of_figures_fit(width: int) -> None:
    snapshot = copying(0.61, AT)
    for look in (UNICODE, PLAIN):
        trend = trend_line(snapshot, width, look)
        assert cell_len(trend) <= width
        assert width == 40 or "61.2 k rows/s" in trend
        conversions = conversions_line(snapshot, width, look)
        assert cell_len(conversions) <= width
    assert "1 more" in conversions_line(snapshot, 120, UNICODE)


@given(st.lists(st.floats(min_value=0, max_value=1e9), max_size=300), st.integers(min_value=1, max_value=60))
def test_a_spark_has_a_cell_for_every_point_and_no_more(values: list[float], width: int) -> None:
    assert len(spark(values, width, UNICODE)) == min(width, len(values))
    assert spark(values, width, PLAIN).isascii()


def test_the_plot_fits_its_pane() -> None:
    rates = tuple(RatePoint(float(at), 50_000.0 + at * 100, 1.0) for at in range(100))
    for look in (UNICODE, PLAIN):
        lines = plot(rates, 36, 10, look)
        assert len(lines) == 10
        assert all(cell_len(line) <= 36 for line in lines)
        assert "59.9 k" in lines[0]
    assert plot(rates[:1], 36, 10, UNICODE) == []
    assert plot(rates, 10, 10, UNICODE) == []


@given(st.text(max_size=200), st.integers(min_value=0, max_value=40))
def test_cells_have_exactly_their_width_whatever_the_text(text: str, width: int) -> None:
    for look in (UNICODE, PLAIN):
        cell = look.cell(text, width)
        assert cell.cell_len == width
        assert not [char for char in cell.plain if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]


def test_a_document_is_folded_and_cut_with_a_word() -> None:
    shown = document_lines('{\n  "a": "' + "x" * 300 + '"\n}', UNICODE, 60)
    assert all(cell_len(line) <= 60 for line in shown.split("\n"))
    assert shown.count("x") == 300
    huge = document_lines("y" * 1_000_000, UNICODE, 80)
    assert "cut here; e writes the whole document" in huge
    assert huge.count("\n") < 4_100


def test_quarantine_rows_filter_on_every_word() -> None:
    assert [row.cells["rule"][0] for row in quarantine_rows(items(), UNICODE, "rule", "narrator")] == ["check"]
    assert len(quarantine_rows(items() * 2, UNICODE, "collection")) == 3


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"LANG": "fr_FR.UTF-8"}, True),
        ({"LC_ALL": "C", "LANG": "fr_FR.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "en_US.utf8"}, True),
        ({}, False),
    ],
)
def test_unicode_follows_the_locale(environ: dict[str, str], wanted: bool) -> None:
    assert TuiOptions().wants_unicode(environ) is wanted
    assert TuiOptions(unicode="always").wants_unicode(environ) is True
    assert TuiOptions(unicode="never").wants_unicode(environ) is False


def test_every_verdict_has_two_signs_and_a_word() -> None:
    for verdict in Verdict:
        assert PLAIN.state(verdict).isascii()
        assert verdict.value in UNICODE.state(verdict)
    assert len({UNICODE.sign(verdict) for verdict in Verdict}) == len(Verdict)
    assert len({PLAIN.sign(verdict) for verdict in Verdict}) == len(Verdict)
