"""Restore a dumped database into an empty one of MongoDB through the driver, and compare what came of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from devora_console.backup.compare import compare
from devora_console.backup.context import Context
from devora_console.backup.model import Content, Difference, Manifest
from devora_console.backup.mongo_read import BsonFolder
from devora_console.backup.mongo_scratch import MARK, Scratch
from devora_console.backup.mongo_server import MongoServer
from devora_console.core.problems import ConsoleError, refused
from devora_console.core.safetext import one_line
from devora_console.core.scratch import left_words, new_name

_MOST_NAMED = 8


def restore_mongo(
    context: Context, path: Path, manifest: Manifest, database: str
) -> tuple[tuple[Content, ...], tuple[Difference, ...]]:
    """Restore into ``database``, which must hold nothing. Gives what it holds afterwards and where that differs.

    Raises ConsoleError (exit 4 when it is not empty). When it fails on the way, what was written is dropped again: the
    database was empty before.
    """
    with _server(context, database) as server:
        held = server.names()
        if held:
            names = ", ".join(one_line(name, 60) for name in held[:_MOST_NAMED])
            more = f" and {len(held) - _MOST_NAMED} more" if len(held) > _MOST_NAMED else ""
            raise refused(
                "restore_not_empty",
                f"refused to restore into {database}: it is not empty (collections {names}{more})",
                "Name a database that does not exist yet",
            )
        try:
            _write(context, server, BsonFolder(path, manifest.database))
        except BaseException:  # protects from a half-filled database that looks restored, after Ctrl-C too
            with suppress(ConsoleError):
                server.drop()
            raise
        return _compared(context, server, path, manifest)


def try_mongo(context: Context, path: Path, manifest: Manifest) -> tuple[tuple[Content, ...], tuple[Difference, ...]]:
    """Restore into a scratch database, compare, and drop it. What a killed trial left goes first, or is told."""
    name = new_name()
    with (
        Scratch(context.mongo(), context.settings.mongo.server_selection_timeout_seconds) as scratch,
        _server(context, name) as server,
    ):
        for each in scratch.sweep():
            context.narrate(f"left behind by another trial: {left_words(each)}")
        try:
            scratch.mark(name)
            _write(context, server, BsonFolder(path, manifest.database))
            return _compared(context, server, path, manifest)
        finally:
            with suppress(ConsoleError):
                server.drop()


def _server(context: Context, database: str) -> MongoServer:
    # From the primary, whatever is preferred otherwise: what we wrote is compared at once.
    seconds = context.settings.mongo.server_selection_timeout_seconds
    return MongoServer(context.mongo(), database, seconds, "primary")


def _write(context: Context, server: MongoServer, dump: BsonFolder) -> None:
    views = []
    for stored in dump.stored():
        if stored.type == "view":
            views.append(stored)
            continue
        server.create(stored.name, stored.options)
        for batch in dump.batches(stored.name):
            context.stop.check()
            server.insert(stored.name, batch)
        server.index(stored.name, stored.indexes)
    for stored in views:
        server.create(stored.name, stored.options)


def _compared(
    context: Context, server: MongoServer, path: Path, manifest: Manifest
) -> tuple[tuple[Content, ...], tuple[Difference, ...]]:
    found = tuple(each for each in server.contents(context.stop, digests=True) if each.name != MARK)
    made = {each.name: len(each.indexes) for each in server.layout()}
    indexes = tuple(
        Difference(f"indexes of {each.name}", len(each.indexes), made.get(each.name, 0))
        for each in BsonFolder(path, manifest.database).stored()
        if len(each.indexes) > made.get(each.name, 0)
    )
    return found, compare(manifest.contents, found) + indexes
