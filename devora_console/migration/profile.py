"""Look at the source before anything is migrated: what there is, and what the mapping would make of it.

Reads only, one batch at a time; memory is bounded whatever the documents hold. Blocking: call it from the main thread
of a command (a signal ends it at once) or from a worker thread.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.mapping import Collection, Mapping, Policy
from devora_console.migration.profile_findings import Evidence, absent_collections, findings_of
from devora_console.migration.profile_judge import Judge, Judged
from devora_console.migration.profile_legacy import distinguish
from devora_console.migration.profile_proposals import proposals_of
from devora_console.migration.profile_references import Extent, References
from devora_console.migration.profile_shape import paths_of, tree_of
from devora_console.migration.profile_snapshot import CollectionProfile, PathProfile, Profile
from devora_console.mongo.bsonio import Damaged, decode, defects
from devora_console.mongo.sampling import Draw, SampleKind
from devora_console.mongo.source import CollectionInfo, Source

_BATCH_BYTES = 1_000_000
# Under a limit the source is read in small steps, so that its load is even and not a burst and a pause.
_SLOW_BATCH_BYTES = 64_000
_STEPS_PER_SECOND = 5

Draws = Callable[[CollectionInfo, int], Draw]
Report = Callable[[str, int, int | Unknown], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What to look at: these collections (none: all), and at most so many documents a second."""

    collections: tuple[str, ...] = ()
    documents_per_second: int | None = None
    scratch: Path | None = None


def profile(source: Source, mapping: Mapping, draw: Draws, options: Options, report: Report) -> Profile:
    """Profile the source. ``draw(info, batch_bytes)`` chooses the documents; ``report(collection, documents, total)``
    hears of every batch. Raises ConsoleError: exit 2 for a collection that is not there, and what the source raises.
    """
    began = time.monotonic()
    found = {info.name: info for info in source.collections()}
    names = _chosen(options.collections, found, mapping, source.label)
    pace = _Pace(options.documents_per_second)
    looks: list[_Look] = []
    with References(mapping, options.scratch) as references:
        for collection in mapping.mapped():
            if collection.name not in found:
                references.read(collection.name, Extent.WHOLE)
        for name in names:
            look = _Look(mapping, name, references)
            look.read(draw(found[name], pace.batch_bytes), pace, report)
            looks.append(look)
        references.index()
        profiles = tuple(look.result() for look in looks)
    absent = () if options.collections else absent_collections(mapping.mapped(), set(found))
    return Profile(source.label, mapping.name, mapping.hash, profiles, absent, time.monotonic() - began)


def _chosen(wanted: Sequence[str], found: dict[str, CollectionInfo], mapping: Mapping, label: str) -> list[str]:
    """The collections to look at: the mapping's first and in its order, then the others."""
    for name in wanted:
        if name not in found:
            near = get_close_matches(name, found, 1)
            remedy = f"Did you mean {one_line(near[0], 60)!r}?" if near else _listed(found)
            raise usage_error(
                "collection_unknown", f"{one_line(label, 80)} has no collection {one_line(name, 60)!r}", remedy
            )
    named = [each.name for each in mapping.collections if each.name in found]
    return [name for name in (*named, *sorted(set(found) - set(named))) if not wanted or name in wanted]


def _listed(found: dict[str, CollectionInfo]) -> str:
    names = ", ".join(one_line(name, 40) for name in sorted(found)[:12])
    return f"It has {names}" + (f" and {len(found) - 12} more" if len(found) > 12 else "") if found else "It has none"


class _Pace:
    """Keeps to a number of documents a second, over all collections together."""

    def __init__(self, per_second: int | None) -> None:
        self._per_second = per_second
        self._began = time.monotonic()
        self._documents = 0

    @property
    def batch_bytes(self) -> int:
        """How much to ask the source for at a time."""
        return _SLOW_BATCH_BYTES if self._per_second else _BATCH_BYTES

    def steps(self, batch: list[bytes]) -> list[list[bytes]]:
        """The batch in parts of what a fraction of a second allows."""
        if not self._per_second:
            return [batch]
        size = max(1, self._per_second // _STEPS_PER_SECOND)
        return [batch[at : at + size] for at in range(0, len(batch), size)]

    def wait(self, documents: int) -> None:
        """Sleep until these documents are due."""
        if self._per_second:
            self._documents += documents
            left = self._began + self._documents / self._per_second - time.monotonic()
            if left > 0:
                time.sleep(left)


class _Look:
    """One collection being looked at."""

    def __init__(self, mapping: Mapping, name: str, references: References) -> None:
        self._collection: Collection = mapping.collection(name)
        self._named = name in mapping.by_name
        self._references = references
        self._tree = tree_of(self._collection)
        self._judge = Judge(self._collection) if self._collection.policy is Policy.MAP else None
        self._whole: Counter[str] = Counter()
        self._documents = 0
        self._paths: tuple[PathProfile, ...] = ()
        self._left = self._tree.left()
        self._draw: Draw | None = None

    def read(self, draw: Draw, pace: _Pace, report: Report) -> None:
        """Count and judge the documents."""
        self._draw = draw
        name = self._collection.name
        report(name, 0, draw.expected)
        for batch in draw:
            for step in pace.steps(batch):
                self._batch(step)
                report(name, self._documents, draw.expected)
                pace.wait(len(step))
        # The tree is large, what it comes to is small: only one is held at a time.
        self._paths, self._left = paths_of(self._tree, self._collection), self._tree.left()
        self._tree = tree_of(self._collection)
        if self._judge is not None:
            whole = draw.kind is SampleKind.WHOLE
            self._references.read(name, Extent.WHOLE if whole else Extent.SAMPLED)

    def _batch(self, batch: list[bytes]) -> None:
        self._documents += len(batch)
        documents: list[dict[str, Any]] = []
        decoded: list[tuple[dict[str, Any], str | None]] = []
        for raw in batch:
            try:
                document = decode(raw)
            except Damaged:
                self._whole["not_bson"] += 1
                continue
            defect = _defect(raw, document)
            decoded.append((document, defect))
            documents.append(_true_types(raw, document) if defect == "deprecated_type" else document)
        before = self._tree.too_deep
        self._tree.take(documents)
        deep = self._tree.too_deep > before
        if self._judge is None:
            self._whole.update(defect for _, defect in decoded if defect is not None)
        else:
            judged: list[Judged] = [self._judge.look(document, defect, deep=deep) for document, defect in decoded]
            self._references.add(self._collection.name, judged)

    def result(self) -> CollectionProfile:
        """What was found; ask when every collection has been read."""
        assert self._draw is not None
        collection, judge = self._collection, self._judge
        paths = self._paths
        columns = judge.verdicts() if judge else ()
        references = self._references.references(collection, judge) if judge else ()
        unique = self._references.unique(collection, judge) if judge else ()
        owner = self._references.owner(collection) if judge else None
        whole = self._draw.kind is SampleKind.WHOLE
        evidence = Evidence(
            collection=collection,
            named=self._named,
            documents=self._documents,
            whole=self._whole + judge.whole if judge else self._whole,
            left=self._left,
            paths=paths,
            columns=columns,
            references=references,
            unique=unique,
            owner=owner,
            sampled=not whole,
        )
        return CollectionProfile(
            name=collection.name,
            policy=collection.policy,
            named=self._named,
            tables=tuple(collection.tables()),
            documents=self._documents,
            total=self._documents if whole else self._draw.total,
            sample=self._draw.kind,
            refused=judge.refused + self._whole["not_bson"] if judge else 0,
            paths=paths,
            findings=findings_of(evidence),
            columns=columns,
            references=references,
            unique=unique,
            owner=owner,
            proposals=proposals_of(collection, self._named, self._documents, paths, columns),
        )


def _defect(raw: bytes, document: dict[str, Any]) -> str | None:
    try:
        return defects(raw, document)
    except RecursionError:
        return "too_deep"


def _true_types(raw: bytes, document: dict[str, Any]) -> dict[str, Any]:
    try:
        return distinguish(raw)
    except RecursionError:
        return document
