"""One reading of a source: the content of every collection, with the counters before and after."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pymongo.errors import OperationFailure

from devora_console.config.secret import Dsn
from devora_console.core.clock import iso, span, utc_now
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.mongo.freeze import records
from devora_console.mongo.freeze.canary import COLLECTION
from devora_console.mongo.freeze.compare import documents
from devora_console.mongo.freeze.counts import Counts, read_counts
from devora_console.mongo.freeze.digest import Content, content_of
from devora_console.mongo.freeze.server import Client
from devora_console.mongo.source import open_source

Tell = Callable[[str], None]
_NO_UUID = "00000000-0000-0000-0000-000000000000"
_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source held. Each collection is as of some moment between ``began`` and ``as_of``; of a source that is
    silent that is one content. ``seconds`` is how long reading took."""

    server: str
    database: str
    began: datetime
    as_of: datetime
    seconds: float
    collections: Mapping[str, Content]

    @property
    def bytes(self) -> int:
        """Bytes that were read."""
        return sum(each.bytes for each in self.collections.values())

    def document(self) -> dict[str, Any]:
        """For a record."""
        return {
            "server": self.server,
            "database": self.database,
            "began": iso(self.began),
            "as_of": iso(self.as_of),
            "seconds": round(self.seconds, 3),
            "collections": {
                name: {
                    "documents": each.documents,
                    "digest": each.digest,
                    "ids": each.ids,
                    "bytes": each.bytes,
                    "uuid": each.uuid,
                }
                for name, each in self.collections.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Counted:
    """A reading between two counts."""

    before: Counts
    reading: Reading
    after: Counts


def look(client: Client, url: Dsn, server: str, database: str, timeout_seconds: float, tell: Tell) -> Counted:
    """Read everything once. Views, ``system.*`` and the canary's collection are left out on purpose.

    Raises ConsoleError, and PyMongo's errors from the counters.
    """
    with closing(open_source(url, database, timeout_seconds=timeout_seconds, read_preference="primary")) as source:
        names = _listed(client, database)
        before = read_counts(client, database, names)
        began, clock = utc_now(), time.monotonic()
        found: dict[str, Content] = {}
        for name, uuid in names.items():
            at = time.monotonic()
            found[name] = each = content_of(source, name, uuid)
            speed = each.bytes / 1e6 / max(time.monotonic() - at, 1e-6)
            took = span(time.monotonic() - at)
            tell(f"read {one_line(name, 80)}: {documents(each.documents)}, {took}, {speed:.0f} MB/s")
        seconds = time.monotonic() - clock
        reading = Reading(server, database, began, utc_now(), seconds, found)
        return Counted(before, reading, read_counts(client, database, names))


def _listed(client: Client, database: str) -> dict[str, str]:
    """Collections with documents of their own, each with its uuid; of a database that does not exist there are none."""
    with suppress(OperationFailure):  # who may not list databases may still list collections
        if database not in client.list_database_names():
            return {}  # there are servers that would make it by being asked
    found = {}
    for entry in client[database].list_collections():
        name = str(entry["name"])
        if entry.get("type", "collection") == "view" or name.startswith("system.") or name == COLLECTION:
            continue
        uuid = str((entry.get("info") or {}).get("uuid") or "")
        found[name] = "" if uuid == _NO_UUID else uuid
    return dict(sorted(found.items()))


def read_record(path: Path) -> Reading:
    """A reading from its record. Raises ConsoleError (exit 2)."""
    told = records.read(path, records.SILENCE)
    try:
        return Reading(
            server=str(told["server"]),
            database=str(told["database"]),
            began=_moment(told["began"]),
            as_of=_moment(told["as_of"]),
            seconds=float(told["seconds"]),
            collections={name: _content(each) for name, each in told["collections"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise records.damaged(path, records.SILENCE) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without a zone")
    return moment


def _content(told: Mapping[str, Any]) -> Content:
    digest, ids = str(told["digest"]), str(told["ids"])
    if len(digest) != _DIGITS or len(ids) != _DIGITS or not isinstance(told["documents"], int):
        raise ValueError("not a digest")
    return Content(told["documents"], digest, ids, int(told["bytes"]), str(told["uuid"]))


def require_same(record: Reading, path: Path, server: str, database: str) -> None:
    """A record of another source proves nothing of this one. Raises ConsoleError (exit 2)."""
    if (record.server, record.database) == (server, database):
        return
    raise usage_error(
        "record_other",
        f"{one_line(str(path))} is of {one_line(record.server)}, and this is {one_line(server)}",
        "Name the source as it was named then (MONGO_URL, DB_NAME), or another record",
    )
