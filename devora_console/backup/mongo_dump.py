"""A dump of MongoDB: by mongodump where it is installed, else by the console through the driver. The same folder."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, cast
from urllib.parse import parse_qsl, quote, urlencode

from bson import json_util

from devora_console import __version__
from devora_console.backup.child import run
from devora_console.backup.clients import mongodump
from devora_console.backup.context import Context
from devora_console.backup.digest import ContentDigest, HashedFile, hash_file, no_room
from devora_console.backup.model import Content, File, Form, Judged, Kind, Level, Manifest
from devora_console.backup.mongo_read import BsonFolder
from devora_console.backup.mongo_server import Layout, MongoServer
from devora_console.backup.postgres_read import tool_environment
from devora_console.backup.shelf import Partial, partial, remember, require_room, sweep
from devora_console.backup.stop import Stop, in_thread
from devora_console.backup.unsound import Unsound, files_of
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.core.tools import Tool

OWN_TOOL = "devora-console"
NOT_A_MOMENT = "not one moment: what was written while it was taken may or may not be in it"
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class _Taken:
    tool: str
    version: str
    contents: tuple[Content, ...]
    files: tuple[File, ...]


async def dump_mongo(
    context: Context, shelf: Path, *, packed: bool = False, by_driver: bool = False, ignore_space: bool = False
) -> tuple[Path, Manifest]:
    """Take a backup of the configured MongoDB database. Raises ConsoleError; nothing is left behind then."""
    tool = None if by_driver else await mongodump(context.environ)
    if tool is not None:
        context.narrate(f"{tool.version.partition(' ')[0]} {_version(tool)} takes the dump")
    else:
        why = "as asked" if by_driver else "mongodump is not installed"
        context.narrate(f"{why}: the console dumps through the driver, into the same kind of folder")
    return await in_thread(context.stop, _taken, context, shelf, tool, packed, ignore_space)


def _taken(context: Context, shelf: Path, tool: Tool | None, packed: bool, ignore_space: bool) -> tuple[Path, Manifest]:
    mongo, started = context.settings.mongo, utc_now()
    url = context.mongo()
    for path in sweep(shelf, Kind.MONGO):
        context.narrate(f"removed {path.name}, left by a backup that did not end")
    with MongoServer(url, mongo.database, mongo.server_selection_timeout_seconds, mongo.read_preference) as server:
        if not ignore_space:
            context.narrate(require_room(shelf, server.size()))
        with partial(shelf, Kind.MONGO, mongo.database, started) as place:
            try:
                if tool is None:
                    taken = _by_driver(context, server, place, packed)
                else:
                    taken = _by_tool(context, server, tool, url, place, packed)
                manifest = _manifest(server, taken, started)
                final = place.finish(manifest)
            except OSError as error:
                raise no_room(error, place.path) from None
    remember(context.shelf, final)
    return final, manifest


def _manifest(server: MongoServer, taken: _Taken, started: datetime) -> Manifest:
    shas = {file.name: file.sha256 for file in taken.files}
    contents = tuple(replace(each, sha256=shas.get(each.file or "")) for each in taken.contents)
    ended = utc_now()
    return Manifest(
        kind=Kind.MONGO,
        form=Form.BSON_FOLDER,
        tool=taken.tool,
        tool_version=taken.version,
        server_version=server.version(),
        database=server.database,
        server=server.server,
        label=server.label,
        started=started,
        ended=ended,
        files=taken.files,
        contents=contents,
        notes=(NOT_A_MOMENT,),
        judged=(Judged(Level.COMPLETE, ended, "checksums were taken as it was written"),),
    )


def _by_driver(context: Context, server: MongoServer, place: Partial, packed: bool) -> _Taken:
    folder = place.path / quote(server.database, safe="")
    folder.mkdir(mode=0o700)
    files: list[File] = []
    contents: list[Content] = []
    for layout in server.layout():
        stem = _stem(layout.name)
        files.append(_write(folder / f"{stem}.metadata.json", _metadata(layout), packed, place.path))
        if layout.type == "view":
            continue
        content, file = _documents(context.stop, server, layout.name, folder / f"{stem}.bson", packed, place.path)
        context.narrate(f"{one_line(layout.name, 80)}: {content.count} documents")
        contents.append(content)
        files.append(file)
    return _Taken(OWN_TOOL, __version__, tuple(contents), tuple(files))


def _documents(
    stop: Stop, server: MongoServer, name: str, path: Path, packed: bool, root: Path
) -> tuple[Content, File]:
    found = ContentDigest()
    path = path.with_name(f"{path.name}.gz") if packed else path
    hashed = HashedFile(path)
    try:
        sink = _sink(hashed, packed)
        for batch in server.batches(name):
            stop.check()
            sink.write(b"".join(batch))
            found.add(batch)
        if packed:
            sink.close()
    finally:
        hashed.close()
    relative = str(path.relative_to(root))
    content = Content(name, found.count, found.bytes, found.hex(), file=relative)
    return content, File(relative, hashed.size, hashed.sha256)


def _sink(hashed: HashedFile, packed: bool) -> IO[bytes]:
    file = cast("IO[bytes]", hashed)
    if not packed:
        return file
    return cast("IO[bytes]", gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0))


def _write(path: Path, data: bytes, packed: bool, root: Path) -> File:
    path = path.with_name(f"{path.name}.gz") if packed else path
    hashed = HashedFile(path)
    try:
        hashed.write(gzip.compress(data, mtime=0) if packed else data)
    finally:
        hashed.close()
    return File(str(path.relative_to(root)), hashed.size, hashed.sha256)


def _metadata(layout: Layout) -> bytes:
    """As mongodump writes it: canonical Extended JSON, so that mongorestore makes the same collection of it."""
    data = {
        "options": layout.options,
        "indexes": layout.indexes,
        **({"uuid": layout.uuid} if layout.uuid else {}),
        "collectionName": layout.name,
        "type": layout.type,
    }
    return json_util.dumps(data, json_options=json_util.CANONICAL_JSON_OPTIONS).encode()


def _stem(name: str) -> str:
    """A collection's file name: percent-escaped as mongodump does it, shortened when a file system would refuse it;
    the metadata has the whole name.

    >>> _stem('a.b/c d'), len(_stem('é' * 200)) < 250
    ('a.b%2Fc%20d', True)
    """
    escaped = quote(name, safe="")
    if len(escaped) <= _LONGEST_NAME:
        return escaped
    mark = hashlib.sha1(name.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
    return f"{escaped[:_LONGEST_NAME].rpartition('%')[0] or escaped[:_LONGEST_NAME]}%24{mark}"


def _by_tool(context: Context, server: MongoServer, tool: Tool, url: Dsn, place: Partial, packed: bool) -> _Taken:
    """Run mongodump. It reads the URL from a pipe that it inherits: no argument shows it and no file keeps it."""
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(f"uri: {json.dumps(with_database(url, server.database).reveal())}\n".encode())
        command = [str(tool.path), f"--config=/dev/fd/{reading}", f"--out={place.path}"]
        command += ["--gzip"] if packed else []
        if context.settings.mongo.read_preference:
            command += [f"--readPreference={context.settings.mongo.read_preference}"]
        ended = run(
            command,
            context.stop,
            environment=tool_environment(context.environ),
            keep_open=(reading, place.handle),
            secrets=(url,),
        )
    finally:
        os.close(reading)
    if ended.code:
        raise ConsoleError.of(
            ExitCode.NEGATIVE,
            "mongodump_failed",
            f"mongodump failed: {ended.why}; nothing of the backup is kept",
            "Look at the message; --driver has the console take the dump",
        )
    try:
        contents = BsonFolder(place.path, server.database).read(context.stop)
    except Unsound as error:
        raise ConsoleError.of(
            ExitCode.NEGATIVE, "backup_unsound", f"what mongodump wrote is not sound: {error.reason}", error.remedy
        ) from None
    files = []
    for path in files_of(place.path):
        size, sha = hash_file(path, context.stop)
        files.append(File(str(path.relative_to(place.path)), size, sha))
    return _Taken("mongodump", _version(tool), tuple(contents), tuple(files))


def _version(tool: Tool) -> str:
    """``100.9.4`` of ``mongodump version: 100.9.4``."""
    return tool.version.rpartition(" ")[2]


def with_database(url: Dsn, database: str) -> Dsn:
    """The URL with the database in its path, and what the path meant before (where the user is known) kept.

    mongodump refuses a database beside a URL that names another one.
    """
    base, _, query = url.reveal().partition("?")
    scheme, _, rest = base.partition("://")
    authority, _, path = rest.partition("/")
    options = parse_qsl(query, keep_blank_values=True)
    if "@" in authority and not any(key.lower() == "authsource" for key, _ in options):
        options.append(("authSource", path or "admin"))
    end = f"?{urlencode(options, quote_via=quote)}" if options else ""
    return Dsn(f"{scheme}://{authority}/{quote(database, safe='')}{end}")
