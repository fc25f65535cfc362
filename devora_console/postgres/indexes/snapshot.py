"""What the index doctor answers: findings, each with its reason, how sure it is, and the SQL of the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice, Suggestion
from devora_console.postgres.watch.window import StatsWindow


class Kind(StrEnum):
    """What a finding is about."""

    INVALID = "invalid"
    BUILDING = "building"
    DUPLICATE = "duplicate"
    PREFIX = "prefix"
    MISSING_FK = "missing-fk"
    BLOATED = "bloated"
    UNUSED = "unused"
    RARELY_USED = "rarely-used"
    SUGGESTED = "suggested"
    KEPT = "kept"


YES = "yes"
LIKELY = "likely"


def no(why: str) -> str:
    """The confidence of what cannot be relied on, with the reason."""
    return f"no: {why}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about one index, or about one that is missing (``index`` is then empty).

    ``size_bytes``: what the remedy would give back; for a missing index the table that is read without it, or with a
    ``suggestion`` the index itself. An ``≈`` before it where ``size_estimated``. ``confidence`` is "yes", "likely" or
    "no", the latter two perhaps with ": why". ``remedy_sql`` may be empty; ``keep`` names the index that does the same
    work; ``definition`` would make a dropped index again.
    """

    kind: Kind
    verdict: Verdict
    schema: str
    index: str
    table: str
    oid: int | None
    size_bytes: int | Unknown
    reason: str
    confidence: str
    remedy_sql: str = ""
    notes: tuple[str, ...] = ()
    keep: str = ""
    definition: str = ""
    size_estimated: bool = False
    key: str = ""
    suggestion: Suggestion | None = None

    @property
    def sure(self) -> str:
        """The confidence in one word."""
        return self.confidence.partition(":")[0]


@dataclass(frozen=True, slots=True)
class IndexesSnapshot:
    """The indexes of one database as of ``as_of``. ``count`` and ``size_bytes`` are of all indexes of user schemas.

    ``stats_window``: since when scans are counted; ``counted_since`` is the later of that and the making of the
    database. ``unused_unknown``: why a missing scan proves nothing here and now; empty where it proves something.
    ``thresholds`` are the settings that were used, by key. ``advice``: what slow statements suggest, or why that is not
    known; None where nobody asked, as planning them is dear. ``not_compared``: indexes whose definition was not asked
    for, mostly because of a lock.
    """

    as_of: datetime
    database: str
    stats_window: StatsWindow | Unknown
    counted_since: datetime | Unknown
    count: int | Unknown
    size_bytes: int
    unused_unknown: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    thresholds: dict[str, float]
    advice: Advice | Unknown | None = None
    not_compared: int = 0

    def of(self, *kinds: Kind) -> tuple[Finding, ...]:
        """The findings of these kinds."""
        return tuple(finding for finding in self.findings if finding.kind in kinds)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A btree as pgstatindex found it, reading all of it. Percentages; ``reclaimable_bytes`` is what a rebuild with
    the same fill factor would give back, roughly.
    """

    as_of: datetime
    index: str
    oid: int
    size_bytes: int
    leaf_density: float | Unknown
    fragmentation: float | Unknown
    fill_factor: float
    empty_pages: int
    deleted_pages: int
    reclaimable_bytes: int
    remedy_sql: str
