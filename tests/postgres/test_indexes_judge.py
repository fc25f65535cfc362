"""The judges alone: whatever indexes a table has, none of those that must stay goes, and what goes is covered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.bloat import estimate
from devora_console.postgres.indexes.facts import Catalogue, IndexFacts, Situation, TableFacts, Work
from devora_console.postgres.indexes.judge import judge
from devora_console.postgres.indexes.overlap import covers, droppable, overlap_findings, replaces, shape_of
from devora_console.postgres.indexes.snapshot import Kind
from devora_console.postgres.watch.window import StatsWindow

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_TABLE = TableFacts(
    1, "public", "t", "public.t", False, None, False, 10**7, 1000, 1e5, 500, 10, 10, 0, 0, 0, 100_000, 0, None
)
_INDEX = IndexFacts(
    oid=0,
    table_oid=1,
    schema="public",
    name="i",
    quoted="public.i",
    quoted_name="i",
    partitioned=False,
    parent_oid=None,
    method="btree",
    columns=(1,),
    key_count=1,
    opclasses=(1,),
    collations=(0,),
    options=(0,),
    storage=(),
    opclass_options=None,
    is_unique=False,
    is_primary=False,
    is_exclusion=False,
    immediate=True,
    replica_identity=False,
    clustered=False,
    valid=True,
    ready=True,
    live=True,
    constraint_name=None,
    referenced_by=0,
    has_expressions=False,
    has_predicate=False,
    free=True,
    expressions=None,
    predicate=None,
    definition="CREATE INDEX i ON public.t USING btree (a)",
    size_bytes=5_000_000,
    size_estimated=False,
    pages=600,
    tuples=1e5,
    scans=0,
    last_scan=None,
    nulls_not_distinct=False,
    shape="btree (a)",
)
_FAR = StatsWindow(_NOW - timedelta(days=90), _NOW, _NOW - timedelta(days=200), False)
_ALONE = Situation(in_recovery=False, replicas=0, absent_replicas=0)


def _catalogue(*indexes: IndexFacts) -> Catalogue:
    return Catalogue(
        as_of=_NOW,
        window=_FAR,
        database_made=_NOW - timedelta(days=400),
        block_size=8192,
        indexes={each.oid: each for each in indexes},
        tables={1: _TABLE},
        foreign_keys=(),
        partition_columns={},
        opclasses={},
        work=Work(),
        situation=_ALONE,
        bloat={},
    )


@st.composite
def _indexes(draw: st.DrawFn) -> tuple[IndexFacts, ...]:
    """Up to eight indexes of one table over three columns, many of them alike."""
    found = []
    for oid in range(10, 10 + draw(st.integers(1, 8))):
        keys = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True))
        include = draw(st.lists(st.integers(4, 5), max_size=1))
        unique = draw(st.booleans())
        primary = unique and draw(st.integers(0, 5)) == 0
        found.append(
            replace(
                _INDEX,
                oid=oid,
                name=f"i{oid}",
                columns=(*keys, *include),
                key_count=len(keys),
                opclasses=(1,) * len(keys),
                collations=(0,) * len(keys),
                options=tuple(draw(st.sampled_from((0, 0, 3))) for _ in keys),
                is_unique=unique,
                is_primary=primary,
                constraint_name=f"c{oid}" if primary or (unique and draw(st.booleans())) else None,
                immediate=draw(st.integers(0, 4)) > 0,
                clustered=draw(st.integers(0, 5)) == 0,
                valid=draw(st.integers(0, 5)) > 0,
                predicate="(a > 1)" if (partial := draw(st.integers(0, 3)) == 0) else None,
                has_predicate=partial,
                nulls_not_distinct=unique and draw(st.booleans()),
                scans=draw(st.integers(0, 2)),
                size_bytes=draw(st.integers(1, 4)) * 1_000_000,
            )
        )
    return tuple(found)


@given(_indexes())
def test_what_goes_is_covered_by_what_stays(indexes: tuple[IndexFacts, ...]) -> None:
    gone = {each.oid: each for each in overlap_findings(_catalogue(*indexes))}
    staying = [each for each in indexes if each.oid not in gone and each.usable]
    for index in indexes:
        if index.oid not in gone:
            continue
        assert droppable(index)
        assert index.usable
        mine = shape_of(index)
        assert mine is not None
        shapes = [(each, shape) for each in staying if (shape := shape_of(each)) is not None]
        assert any(
            (shape == mine or covers(shape, mine)) and (replaces(each, index) or not index.is_unique)
            for each, shape in shapes
        )
        if index.is_unique:  # what it enforces is still enforced, on the very same keys
            assert any(shape == mine and replaces(each, index) for each, shape in shapes)


@given(_indexes())
def test_each_index_is_condemned_once_at_most(indexes: tuple[IndexFacts, ...]) -> None:
    findings, _ = judge(_catalogue(*indexes), IndexesSettings(least_mb=0))
    oids = [each.oid for each in findings if each.oid is not None]
    assert len(oids) == len(set(oids))
    for each in findings:
        assert each.verdict is not Verdict.UNKNOWN or not each.remedy_sql.startswith("DROP")


_DAYS = timedelta(days=1)


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        pytest.param({}, Verdict.WARN, "likely", id="90 days, alone"),
        pytest.param(
            {"window": StatsWindow(_NOW - 0.01 * _DAYS, _NOW, _NOW - 0.01 * _DAYS, True)},
            Verdict.UNKNOWN,
            "after a crash",
            id="crash a moment ago",
        ),
        pytest.param(
            {
                "window": StatsWindow(_NOW - 0.01 * _DAYS, _NOW, _NOW - 0.01 * _DAYS, True),
                "database_made": Unknown("not allowed"),
                "database_seen": _NOW - 9 * _DAYS,
            },
            Verdict.UNKNOWN,
            "after a crash or restore, or the server was made",
            id="crash or new, not known which",
        ),
        pytest.param(
            {"window": StatsWindow(Unknown("no date"), _NOW, _NOW, False)}, Verdict.UNKNOWN, "no date", id="no window"
        ),
        pytest.param(
            {"database_made": _NOW - 2 * _DAYS}, Verdict.UNKNOWN, "when this database was made", id="restored lately"
        ),
        pytest.param(
            {"database_made": Unknown("not allowed")},
            Verdict.UNKNOWN,
            "may not be read",
            id="age of the database hidden",
        ),
        pytest.param(
            {"database_made": Unknown("not allowed"), "database_seen": _NOW - 3 * _DAYS},
            Verdict.UNKNOWN,
            "oldest trace",
            id="young by its oldest trace",
        ),
        pytest.param(
            {"database_made": Unknown("not allowed"), "database_seen": _NOW - 40 * _DAYS},
            Verdict.WARN,
            "likely",
            id="old by its oldest trace",
        ),
        pytest.param({"situation": Situation(False, 2, 0)}, Verdict.UNKNOWN, "connected replicas: 2", id="replicas"),
        pytest.param({"situation": Situation(False, 0, 1)}, Verdict.UNKNOWN, "not connected now: 1", id="absent one"),
        pytest.param({"situation": Situation(True, 0, 0)}, Verdict.UNKNOWN, "this is a replica", id="on a replica"),
        pytest.param({"situation": Unknown("hidden")}, Verdict.UNKNOWN, "hidden", id="replicas not known"),
        pytest.param({"window": Unknown("refused")}, Verdict.UNKNOWN, "refused", id="window not known"),
    ],
)
def test_unused_needs_evidence(change: dict[str, object], verdict: Verdict, words: str) -> None:
    catalogue = replace(_catalogue(replace(_INDEX, oid=10)), **change)  # type: ignore[arg-type]
    (found,) = judge(catalogue, IndexesSettings())[0]
    assert (found.kind, found.verdict) == (Kind.UNUSED, verdict)
    assert words in found.confidence
    assert bool(found.remedy_sql) is (verdict is Verdict.WARN)


def test_a_known_last_scan_makes_it_sure() -> None:
    old = replace(_INDEX, oid=10, scans=900, last_scan=_NOW - 45 * _DAYS)
    (found,) = judge(_catalogue(old), IndexesSettings())[0]
    assert (found.kind, found.confidence) == (Kind.UNUSED, "yes")
    assert "last 45d00h ago" in found.reason
    assert not judge(_catalogue(replace(old, last_scan=_NOW - 5 * _DAYS)), IndexesSettings())[0]


@pytest.mark.parametrize(
    ("pages", "tuples", "width", "fill", "least", "most"),
    [
        pytest.param(276, 100_000, 4, 90, -5, 2, id="fresh unique int"),
        pytest.param(499, 100_000, 4, 50, -5, 3, id="fresh at fill factor 50"),
        pytest.param(276, 20_000, 4, 90, 75, 85, id="four fifths deleted"),
        pytest.param(90, 100_000, 4, 90, -300, -100, id="deduplicated"),
    ],
)
def test_the_estimate_of_a_btree(pages: int, tuples: float, width: float, fill: int, least: float, most: float) -> None:
    assert least <= estimate(pages * 8192, 8192, tuples, width, False, fill).percent <= most
