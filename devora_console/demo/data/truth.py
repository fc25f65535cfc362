"""What was planted, and what must therefore come out: the yardstick for any migration of a generated source.

Computed from the plan alone. Neither the documents nor any code of the migration is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from devora_console.demo.data.anomalies import DERIVED, MIGRATED, PLANTED, Declared, Fate
from devora_console.demo.data.plan import Plan
from devora_console.demo.data.scales import ARRAYS, COLLECTIONS, Scale

SOURCE_IDS_CAP = 1_000  # per anomaly, above the small scale


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One kind of anomaly: how many documents of ``collection`` carry it and what becomes of them.

    ``rule`` names the conversion to be counted (migrated) or the refusal (quarantined); ``plain`` and
    ``exact`` mean that nothing is to be counted. ``source_ids`` are ``_id``s, ascending: hexadecimal for
    ObjectIds, canonical Extended JSON for other types; above the small scale only the first thousand.
    """

    name: str
    collection: str
    count: int
    fate: Fate
    rule: str
    source_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CollectionTruth:
    """One collection: ``fates`` add up to ``documents``; array elements in all and in migrated documents."""

    documents: int
    fates: dict[Fate, int]
    embedded: dict[str, int]
    migrated_embedded: dict[str, int]


@dataclass(frozen=True, slots=True)
class SourceTruth:
    """The whole generated source."""

    scale: Scale
    seed: int
    collections: dict[str, CollectionTruth]
    anomalies: tuple[Anomaly, ...]


def truth(scale: Scale, seed: int, until: date | None = None) -> SourceTruth:
    """What :func:`~devora_console.demo.data.generate` plants for (scale, seed); ``until``: see :class:`.plan.Plan`."""
    return truth_of(Plan(scale, seed, until))


def truth_of(plan: Plan) -> SourceTruth:
    """The truth of ``plan``."""
    return SourceTruth(
        scale=plan.scale,
        seed=plan.seed,
        collections={collection: _collection(plan, collection) for collection in COLLECTIONS},
        anomalies=tuple(_anomaly(plan, declared) for declared in PLANTED + DERIVED),
    )


def _collection(plan: Plan, collection: str) -> CollectionTruth:
    count = plan.sizes.of(collection)
    fates: dict[Fate, int] = {"migrated": 0, "quarantined": 0, "archived": 0}
    counters: dict[str, Callable[[int], int]] = {
        "files": plan.file_count,
        "conversation_history": plan.history_count,
        "messages": plan.message_count,
    }
    arrays = ARRAYS.get(collection, ())
    embedded, migrated = dict.fromkeys(arrays, 0), dict.fromkeys(arrays, 0)
    for index in range(count):
        fate = plan.fate(collection, index)
        fates[fate] += 1
        for array in arrays:
            elements = counters[array](index)
            embedded[array] += elements
            if fate == MIGRATED:
                migrated[array] += elements
    return CollectionTruth(count, fates, embedded, migrated)


def _anomaly(plan: Plan, declared: Declared) -> Anomaly:
    cap = None if plan.scale is Scale.SMALL else SOURCE_IDS_CAP
    count = 0
    source_ids: list[str] = []
    for index in _carriers(plan, declared):
        count += 1
        if cap is None or count <= cap:
            source_ids.append(str(plan.object_id(declared.collection, index)))
    return Anomaly(declared.name, declared.collection, count, declared.fate, declared.rule, tuple(source_ids))


def _carriers(plan: Plan, declared: Declared) -> Iterator[int]:
    """Indexes of the documents that carry the anomaly, ascending."""
    collection = declared.collection
    everyone = range(plan.sizes.of(collection))
    match (collection, declared.name):
        case ("projects", "created_at_bson_date"):
            yield from filter(plan.is_edited, everyone)
        case ("projects", "conversation_history"):
            yield from (i for i in everyone if plan.fate(collection, i) == MIGRATED)
        case ("projects", "conversation_quarantined"):
            yield from (i for i in everyone if plan.fate(collection, i) == MIGRATED and plan.is_dangling(i))
        case ("conversations", "owner_derived"):
            yield from (i for i in everyone if plan.is_owner_derived(i))
        case ("settings", _):
            yield from everyone
        case _:
            # The two cascades are placed in the plan under the name of their cause, as planted ones are.
            yield from (i for i in everyone if plan.anomaly(collection, i) == declared.name)
