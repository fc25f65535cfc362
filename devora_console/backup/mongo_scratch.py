"""The scratch database of a trial in MongoDB: a document in it says who made it, from its first moment on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from devora_console.config.secret import Dsn
from devora_console.core.maker import Maker, parse_maker, this_process
from devora_console.core.scratch import NAME, Left, judged, undropped
from devora_console.mongo.errors import translate
from devora_console.mongo.live import open_client

MARK = "devora_console_scratch"
"""The collection with the mark: no part of what was restored."""

Client = MongoClient[dict[str, Any]]


class Scratch:
    """Scratch databases of one server. Blocks: use it from a worker thread. Errors are ConsoleErrors."""

    def __init__(self, url: Dsn, seconds: float) -> None:
        self._url = url
        with self._translated():
            self._client: Client = open_client(url, int(seconds * 1000), "primary")

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def mark(self, name: str) -> None:
        """Make the database by saying who makes it."""
        with self._translated():
            self._client[name][MARK].insert_one({"_id": name, "maker": this_process().text()})

    def left(self) -> tuple[Left, ...]:
        """Those that are there."""
        with self._translated():
            names = [name for name in self._client.list_database_names() if NAME.fullmatch(name)]
            return tuple(judged(name, self._maker(name), busy=self._busy(name)) for name in sorted(names))

    def sweep(self) -> tuple[Left, ...]:
        """Drop those whose maker is dead; what is there still and not being worked with."""
        kept = []
        for each in self.left():
            if each.dead:
                try:
                    self._client.drop_database(each.name)
                except PyMongoError as error:
                    kept.append(undropped(each, translate(error, self._url).problem.message))
            elif not each.alive:
                kept.append(each)
        return tuple(kept)

    def _maker(self, name: str) -> Maker | None:
        """Who says to have made it. A copy under another name says the name it was copied from: that is no mark."""
        found = self._client[name][MARK].find_one({"_id": name})
        return parse_maker(found.get("maker")) if found else None

    def _busy(self, name: str) -> bool:
        """Whether an operation is under way in it, as far as we may see."""
        try:
            said = self._client.admin.command("currentOp", {"ns": {"$regex": f"^{name}\\."}})
        except PyMongoError:  # may not be asked: then the mark alone decides
            return False
        return any(str(each.get("ns", "")).startswith(f"{name}.") for each in _ops(said))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PyMongoError as error:
            raise translate(error, self._url) from None


def _ops(said: dict[str, Any]) -> Sequence[dict[str, Any]]:
    found = said.get("inprog")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
