"""Writing the generated source as a folder that mongodump 100.x could have written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, cast

import bson

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.demo.data import ids
from devora_console.demo.data.anomalies import MIGRATED
from devora_console.demo.data.exotic import Exotic, exotic_documents
from devora_console.demo.data.generator import documents_of
from devora_console.demo.data.plan import Plan
from devora_console.demo.data.scales import COLLECTIONS, Scale
from devora_console.demo.data.truth import Anomaly, CollectionTruth, SourceTruth, truth_of

_FORBIDDEN = frozenset('/\\. "$*<>:|?\0')


def write_dump(
    folder: Path, database: str, scale: Scale, seed: int, *, gz: bool = False, hostile: bool = False
) -> SourceTruth:
    """Write ``folder/database/COLLECTION.bson`` and its metadata; return what the dump holds.

    ``gz`` compresses every file, as mongodump --gzip does. ``hostile`` adds the documents that no live server
    of the demo accepts (module ``exotic``); the returned truth knows them. The same arguments give the same
    bytes. Raises ConsoleError (exit 2) for an impossible database name, a folder that already holds
    ``database``, or a disk that refuses.
    """
    _check_name(database)
    plan = Plan(scale, seed)
    exotic = list(exotic_documents(plan)) if hostile else []
    target = folder / database
    try:
        target.mkdir(parents=True)
        _write_json(target / "prelude.json", {"ServerVersion": "7.0.14", "ToolVersion": "100.10.0"}, gz=gz)
        for collection in COLLECTIONS:
            _write_json(target / f"{collection}.metadata.json", _metadata(plan, collection), gz=gz)
        _write_documents(target, plan, exotic, gz=gz)
    except FileExistsError:
        raise usage_error(
            "demo.dump_exists",
            f"{one_line(str(target))} already exists",
            "Choose another folder or remove it",
        ) from None
    except OSError as error:
        raise usage_error(
            "demo.dump_write",
            f"cannot write the dump to {one_line(str(target))}: {error.strerror or type(error).__name__}",
            "Choose a folder you may write to, on a disk with room; remove what was half written",
        ) from None
    return _with_exotic(truth_of(plan), exotic)


def _check_name(database: str) -> None:
    if not database or len(database.encode()) > 63 or _FORBIDDEN & set(database):
        raise usage_error(
            "demo.dump_name",
            f"{one_line(repr(database))} cannot be the name of a MongoDB database",
            'Use up to 63 bytes without spaces and without any of / \\ . " $ * < > : | ?',
        )


def _write_documents(target: Path, plan: Plan, exotic: list[Exotic], *, gz: bool) -> None:
    for collection, batches in groupby(documents_of(plan), key=itemgetter(0)):
        mine = [item for item in exotic if item.collection == collection]
        with _open(target / f"{collection}.bson", gz=gz) as out:
            out.writelines(item.raw for item in mine if item.leads)
            for _, batch in batches:
                out.writelines(map(bson.encode, batch))
            out.writelines(item.raw for item in mine if not item.leads)


def _metadata(plan: Plan, collection: str) -> dict[str, object]:
    index = {"v": {"$numberInt": "2"}, "key": {"_id": {"$numberInt": "1"}}, "name": "_id_"}
    uuid = ids.entity_id(plan.seed, "collection", COLLECTIONS.index(collection)).replace("-", "")
    return {"indexes": [index], "uuid": uuid, "collectionName": collection, "type": "collection"}


def _write_json(path: Path, value: dict[str, object], *, gz: bool) -> None:
    with _open(path, gz=gz) as out:
        out.write(json.dumps(value, separators=(",", ":")).encode())


@contextmanager
def _open(path: Path, *, gz: bool) -> Iterator[BinaryIO]:
    """``path`` for writing, or ``path.gz``; the header of the latter holds neither name nor time."""
    if not gz:
        with path.open("xb", buffering=1 << 20) as plain:
            yield plain
        return
    with (
        path.with_name(path.name + ".gz").open("xb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
    ):
        yield cast(BinaryIO, packed)


def _with_exotic(truth: SourceTruth, exotic: list[Exotic]) -> SourceTruth:
    collections = dict(truth.collections)
    grouped: dict[str, Anomaly] = {}
    for item in exotic:
        collections[item.collection] = _counted(collections[item.collection], item)
        known = grouped.get(item.name)
        grouped[item.name] = (
            replace(known, count=known.count + 1, source_ids=(*known.source_ids, item.source_id))
            if known
            else Anomaly(item.name, item.collection, 1, item.fate, item.rule, (item.source_id,))
        )
    return replace(truth, collections=collections, anomalies=(*truth.anomalies, *grouped.values()))


def _counted(before: CollectionTruth, item: Exotic) -> CollectionTruth:
    added = {"files": item.files, "conversation_history": item.history}
    reached = added if item.fate == MIGRATED else {}
    return CollectionTruth(
        documents=before.documents + 1,
        fates=before.fates | {item.fate: before.fates[item.fate] + 1},
        embedded={array: n + added.get(array, 0) for array, n in before.embedded.items()},
        migrated_embedded={array: n + reached.get(array, 0) for array, n in before.migrated_embedded.items()},
    )
