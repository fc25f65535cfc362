"""Filling a MongoDB database with the generated source."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, InvalidName, PyMongoError

from devora_console.config.secret import Dsn, scrub
from devora_console.core.problems import ConsoleError, connect_error, refused, usage_error
from devora_console.core.safetext import one_line
from devora_console.demo.data.generator import documents_of
from devora_console.demo.data.plan import Plan
from devora_console.demo.data.scales import COLLECTIONS, Scale
from devora_console.demo.data.truth import SourceTruth, truth_of

_REACH_MS = 5_000
_PATIENCE = "serverselectiontimeoutms"


def fill(
    url: str | Dsn,
    database: str,
    scale: Scale,
    seed: int,
    narrate: Callable[[str], None] = lambda line: None,
    until: date | None = None,
) -> SourceTruth:
    """Insert the source of (scale, seed) into ``database`` at ``url`` and return its truth.

    ``narrate`` gets one line per collection. ``until``: the last day of it, as of :class:`.plan.Plan`. Raises
    ConsoleError: exit 2 when the address or the name is unusable, exit 3 when the server cannot be reached or refuses
    a write, exit 4 when a collection that would be filled is not empty. Nothing is ever dropped.
    """
    dsn = url if isinstance(url, Dsn) else Dsn(url)
    # The driver's own default is half a minute; an address may still say otherwise.
    patience: dict[str, Any] = {} if _PATIENCE in dsn.reveal().lower() else {_PATIENCE: _REACH_MS}
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(dsn.reveal(), **patience)
    except (PyMongoError, ValueError) as error:  # the driver reports a bad port as ValueError
        raise usage_error("demo.fill_address", _words(error, dsn, database), "Check the address") from None
    try:
        with client:
            return _fill(client, database, Plan(scale, seed, until), narrate)
    except InvalidName as error:
        raise usage_error("demo.fill_name", _words(error, dsn, database), "Choose another name") from None
    except PyMongoError as error:
        raise _failure(error, dsn, database) from None


def _fill(
    client: MongoClient[dict[str, Any]], database: str, plan: Plan, narrate: Callable[[str], None]
) -> SourceTruth:
    target = client[database]
    for collection in COLLECTIONS:
        if target[collection].find_one({}, {"_id": 1}) is not None:
            raise refused(
                "demo.fill_not_empty",
                f"collection {collection} of database {one_line(database)} is not empty",
                "Fill an empty database: choose another name, or drop this one yourself",
            )
    began, documents = time.monotonic(), 0
    for collection, batches in groupby(documents_of(plan), key=itemgetter(0)):
        for _, batch in batches:
            target[collection].insert_many(batch, ordered=True)
        count = plan.sizes.of(collection)
        documents += count
        narrate(f"{collection}: {count:,} {'document' if count == 1 else 'documents'}")
    narrate(f"{documents:,} documents in {time.monotonic() - began:.1f} s")
    return truth_of(plan)


def _words(error: Exception, dsn: Dsn, database: str) -> str:
    # What the driver adds about its timeouts and topology is longer than the reason.
    reason = str(error).partition(" (configured timeouts")[0]
    return one_line(f"cannot fill database {database} at {dsn}: {scrub(reason, dsn)}", 300)


def _failure(error: PyMongoError, dsn: Dsn, database: str) -> ConsoleError:
    words = _words(error, dsn, database)
    if isinstance(error, ConnectionFailure):
        return connect_error("demo.fill_connect", words, "Start the server and try again")
    return connect_error("demo.fill_write", words, "Drop the half-filled database before trying again")
