"""The canary: a write under the application's own credentials. What it meets is the only proof of a block.

The collection ``devora_console_canary`` exists for the moment of the try only, and no digest counts it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

from bson.objectid import ObjectId
from pymongo.errors import NotPrimaryError, OperationFailure, PyMongoError
from pymongo.write_concern import WriteConcern

from devora_console.config.secret import scrub
from devora_console.core.clock import iso, utc_now
from devora_console.core.problems import ConsoleError
from devora_console.core.safetext import one_line
from devora_console.mongo.freeze.roles import writable
from devora_console.mongo.freeze.server import Client, Login, accounts_of, connected, said

COLLECTION = "devora_console_canary"
UNAUTHORIZED, WRITES_BLOCKED = 13, 371
_NOT_PRIMARY = frozenset({10107, 13435})


class Outcome(StrEnum):
    """What became of the write."""

    REFUSED = "refused"
    WENT_THROUGH = "went through"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Canary:
    """One try. ``code`` is the server's error code, ``removed`` whether what went through is gone again (None: nothing
    to remove). ``open`` are collections that these credentials may still write although the canary was refused.
    """

    outcome: Outcome
    words: str
    at: str
    code: int | None = None
    removed: bool | None = None
    open: tuple[str, ...] = ()

    @property
    def frozen(self) -> bool | None:
        """Whether the application cannot write; None: it could not be found out."""
        if self.outcome is Outcome.INCONCLUSIVE:
            return None
        return self.outcome is Outcome.REFUSED and not self.open


def try_write(app: Login, database: str, timeout_seconds: float) -> Canary:
    """Insert one document as the application, and remove it again if that went through.

    Raises ConsoleError when the server is not reached or refuses the login: then nothing was tried.
    """
    with connected(app, timeout_seconds, retry_writes=False) as client:
        return _try(client, app, database)


def attempt(app: Login, database: str, timeout_seconds: float) -> Canary:
    """The same, never raising: a server that is not reached is inconclusive."""
    try:
        return try_write(app, database, timeout_seconds)
    except ConsoleError as error:
        return Canary(Outcome.INCONCLUSIVE, error.problem.message, iso(utc_now()))


def _try(client: Client, app: Login, database: str) -> Canary:
    existed = _exists(client, database)
    key = ObjectId()
    collection = client[database].get_collection(COLLECTION, write_concern=WriteConcern(w=1))
    at = iso(utc_now())
    try:
        collection.insert_one({"_id": key, "by": "devora-console source canary", "at": at, "token": str(uuid4())})
    except NotPrimaryError as error:
        return _not_primary(client, error, at)
    except OperationFailure as error:
        return _refused(client, error, app, database, at)
    except PyMongoError as error:
        removed = _remove(client, database, key, existed)
        reason = one_line(scrub(str(error), app.url).partition(" (configured")[0], 120)
        left = "" if removed else f"; a document {key} may remain in {COLLECTION}"
        return Canary(Outcome.INCONCLUSIVE, f"no answer to the write ({reason}){left}", at, removed=removed)
    removed = _remove(client, database, key, existed)
    gone = "removed again" if removed else f"and document {key} of {COLLECTION} could not be removed"
    return Canary(Outcome.WENT_THROUGH, f"the write went through, {gone}", at, removed=removed)


def _refused(client: Client, error: OperationFailure, app: Login, database: str, at: str) -> Canary:
    if error.code in _NOT_PRIMARY:
        return _not_primary(client, error, at)
    if error.code == WRITES_BLOCKED:
        return Canary(Outcome.REFUSED, "refused: the server blocks the writes of users", at, error.code)
    if error.code != UNAUTHORIZED:
        return Canary(Outcome.INCONCLUSIVE, f"refused for another reason: {said(error)}", at, error.code)
    if not accounts_of(client):
        words = f"refused, as this connection is logged in as nobody: {app.key} lacks the application's credentials"
        return Canary(Outcome.INCONCLUSIVE, words, at, error.code)
    left = _still_writable(client, database)
    words = "refused: the application's user may not write"
    if left:
        words = f"refused here, but the application's user may still write {', '.join(left[:8])}"
    return Canary(Outcome.REFUSED, words, at, error.code, open=left)


def _still_writable(client: Client, database: str) -> tuple[str, ...]:
    """A user with rights on single collections is refused here and writes there: the server tells what it may."""
    try:
        told = client.admin.command("connectionStatus", showPrivileges=True)
    except PyMongoError:
        return ()
    info: Mapping[str, Any] = told.get("authInfo") or {}
    return writable(info.get("authenticatedUserPrivileges") or (), database)


def _not_primary(client: Client, error: PyMongoError, at: str) -> Canary:
    """Refused by a member that is not primary: that is a freeze only while no other member is."""
    code = getattr(error, "code", None) or (getattr(error, "details", None) or {}).get("code")
    time.sleep(1)  # an election may have just ended
    primary = None
    with suppress(PyMongoError):
        primary = client.admin.command("hello").get("primary")
    if primary:
        where = one_line(str(primary), 80)
        words = f"this member is not the primary; {where} is, and what that does is not known"
        return Canary(Outcome.INCONCLUSIVE, words, at, code)
    return Canary(Outcome.REFUSED, "refused: the replica set has no primary now", at, code)


def _exists(client: Client, database: str) -> bool:
    try:
        return any(each["name"] == COLLECTION for each in client[database].list_collections())
    except PyMongoError:
        return True  # not known: then it is not ours to drop


def _remove(client: Client, database: str, key: ObjectId, existed: bool) -> bool:
    """Whether the document is gone; the collection goes too when it was made for it."""
    collection = client[database][COLLECTION]
    try:
        collection.delete_one({"_id": key})
        gone = collection.find_one({"_id": key}) is None
    except PyMongoError:
        return False
    if gone and not existed:
        with suppress(PyMongoError):
            if collection.find_one() is None:
                collection.drop()
    return gone
