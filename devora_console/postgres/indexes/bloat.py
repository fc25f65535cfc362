"""How much of a btree is waste: an estimate from statistics, and when not to trust it.

The estimate compares the size with what the rows would need, packed at the fill factor. It knows nothing of
deduplication, of rows deleted but not yet vacuumed, or of what happened since the last ANALYZE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.facts import BloatInputs, Catalogue, IndexFacts, TableFacts
from devora_console.postgres.indexes.snapshot import LIKELY, Finding, Kind, no
from devora_console.postgres.indexes.sqltext import create, rebuild

_MIN_PAGES = 128
_PAGE_HEADER, _SPECIAL, _POINTER, _ALIGN = 24, 16, 4, 8
_MEASURE = "Measure it: devora-console indexes --measure NAME (pgstattuple's pgstatindex reads the whole index)."


@dataclass(frozen=True, slots=True)
class Estimate:
    """``wasted_bytes`` of ``size_bytes``, by the estimate; negative where the rows need more room than there is."""

    size_bytes: int
    wasted_bytes: int

    @property
    def percent(self) -> float:
        """Waste in percent of the size."""
        return 100.0 * self.wasted_bytes / self.size_bytes if self.size_bytes else 0.0


def estimate(size_bytes: int, block_size: int, tuples: float, width: float, nulls: bool, fill_factor: int) -> Estimate:
    """The waste of a btree of ``tuples`` entries of ``width`` bytes each.

    >>> estimate(2_260_992, 8192, 100_000, 4, False, 90).percent < 2
    True
    """
    header = 8 + (_ALIGN if nulls else 0)
    entry = _POINTER + header + _ALIGN * ceil(width / _ALIGN)
    room = (block_size - _PAGE_HEADER - _SPECIAL) * fill_factor / 100
    pages = 1 + ceil(tuples / max(1, int(room / entry)))
    return Estimate(size_bytes, size_bytes - pages * block_size)


def worth_estimating(index: IndexFacts, block_size: int, settings: IndexesSettings) -> bool:
    """Whether it could be over the floor at all: the rest is not even asked about."""
    if index.method != "btree" or index.partitioned or not index.usable or isinstance(index.size_bytes, Unknown):
        return False
    return index.size_bytes >= max(settings.bloat_mb * 1e6, _MIN_PAGES * block_size)


def bloat_findings(catalogue: Catalogue, settings: IndexesSettings) -> Iterator[Finding]:
    """Indexes with more waste than the thresholds, and those of which it cannot be said."""
    for index in catalogue.indexes.values():
        table = catalogue.tables.get(index.table_oid)
        if table is None or not worth_estimating(index, catalogue.block_size, settings):
            continue
        why_not = _why_not(catalogue, index, table)
        if why_not:
            yield _unknown(index, table, why_not)
            continue
        assert not isinstance(catalogue.bloat, Unknown)
        found = _judge(catalogue, index, table, catalogue.bloat[index.oid], settings)
        if found is not None:
            yield found


def _why_not(catalogue: Catalogue, index: IndexFacts, table: TableFacts) -> str:
    """Why no estimate can be made; empty where one can."""
    if isinstance(catalogue.bloat, Unknown):
        return catalogue.bloat.reason
    inputs = catalogue.bloat.get(index.oid)
    if inputs is None:
        return "it appeared just now"
    if inputs.known < inputs.columns and not inputs.readable:
        return "column statistics are hidden from this user (SELECT on the table, or pg_read_all_data, shows them)"
    if index.tuples < 0 or table.tuples < 0 or inputs.known == 0:
        return "never analysed"
    if inputs.known < inputs.columns:
        return f"{inputs.columns - inputs.known} of {inputs.columns} columns have no statistics"
    if inputs.has_name:
        return "it has a column of type name, whose width statistics misstate"
    if inputs.outside:
        return "values of its columns may be stored outside the table (TOAST), where statistics do not see their width"
    assert not isinstance(index.size_bytes, Unknown)
    if index.size_bytes > 1.2 * index.pages * catalogue.block_size:
        return "it grew by more than a fifth since its entries were last counted (ANALYZE counts them)"
    if table.changed_since_analyze > 0.2 * max(1.0, table.tuples):
        return "more than a fifth of the table's rows changed since the last ANALYZE"
    return ""


def _judge(
    catalogue: Catalogue, index: IndexFacts, table: TableFacts, inputs: BloatInputs, settings: IndexesSettings
) -> Finding | None:
    assert not isinstance(index.size_bytes, Unknown)
    found = estimate(
        index.size_bytes,
        catalogue.block_size,
        index.tuples,
        inputs.width,
        inputs.most_nulls > 0,
        _fill_factor(index),
    )
    if found.wasted_bytes >= settings.bloat_mb * 1e6 and found.percent >= settings.bloat_percent:
        return _bloated(index, table, found, inputs, settings)
    if _deduplicated(catalogue, index, inputs):
        return _unknown(index, table, "equal entries are stored once (deduplicated), which the estimate cannot see")
    return None


def _deduplicated(catalogue: Catalogue, index: IndexFacts, inputs: BloatInputs) -> bool:
    """Whether many entries may share their key, stored once. A larger waste than estimated is possible then."""
    if index.is_unique or inputs.distinct_column or "deduplicate_items=off" in index.storage:
        return False
    if len(index.columns) > index.key_count or isinstance(catalogue.opclasses, Unknown):
        return False
    classes = [catalogue.opclasses.get(each) for each in index.opclasses]
    return all(each is not None and each.deduplicable for each in classes)


def _fill_factor(index: IndexFacts) -> int:
    given = next((each.partition("=")[2] for each in index.storage if each.startswith("fillfactor=")), "90")
    return int(given)


def _bloated(
    index: IndexFacts, table: TableFacts, found: Estimate, inputs: BloatInputs, settings: IndexesSettings
) -> Finding:
    notes = [
        f"threshold: indexes.bloat_mb = {settings.bloat_mb:g}, indexes.bloat_percent = {settings.bloat_percent:g}",
        "Estimated from statistics. Entries of deleted rows not yet vacuumed are not counted as waste.",
        f"Entries by the last count: {index.tuples:.0f} of {inputs.width:.0f} bytes, fill factor {_fill_factor(index)}",
        _MEASURE,
    ]
    return Finding(
        kind=Kind.BLOATED,
        verdict=Verdict.WARN,
        schema=index.schema,
        index=index.name,
        table=table.title,
        oid=index.oid,
        size_bytes=found.wasted_bytes,
        size_estimated=True,
        reason=f"about {found.percent:.0f} % of {found.size_bytes / 1e6:.1f} MB is waste, by estimate",
        confidence=LIKELY,
        remedy_sql=rebuild(index),
        notes=tuple(notes),
        definition=create(index),
    )


def _unknown(index: IndexFacts, table: TableFacts, why: str) -> Finding:
    return Finding(
        kind=Kind.BLOATED,
        verdict=Verdict.UNKNOWN,
        schema=index.schema,
        index=index.name,
        table=table.title,
        oid=index.oid,
        size_bytes=Unknown(why, "Measure it, or ANALYZE the table"),
        reason=f"whether it is bloated is not known: {why}",
        confidence=no(why),
        notes=(_MEASURE,),
    )
