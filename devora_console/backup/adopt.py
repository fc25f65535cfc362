"""Take a dump that was made elsewhere for a backup: read all of it, and write down what it is."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from devora_console.backup.clients import newest_clients
from devora_console.backup.context import Context
from devora_console.backup.digest import hash_file
from devora_console.backup.manifest import manifest_of, write_manifest
from devora_console.backup.model import MANIFEST, Content, File, Form, Judged, Kind, Level, Manifest
from devora_console.backup.mongo_read import BsonFolder
from devora_console.backup.postgres_read import form_of, read_postgres
from devora_console.backup.reading import exists
from devora_console.backup.shelf import PARTIAL, remember
from devora_console.backup.stop import in_thread
from devora_console.backup.unsound import files_of, shown_path
from devora_console.core.clock import utc_now
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

_MONGO_ARCHIVE = bytes.fromhex("6de29981")
_BY_TIMES = "its age is by the times of its files, which a copy may have renewed"
_BY_BORDER = (
    "a mongodump that was cut off between two documents cannot be told from a whole one: its counts say so, compared "
    "with the server"
)
_RESTORE_PROVES = "only the level restored proves a plain SQL dump"


@dataclass(frozen=True, slots=True)
class _Found:
    contents: tuple[Content, ...]
    tool: str
    tool_version: str
    server_version: str | None
    database: str | None
    created: datetime | None
    notes: tuple[str, ...]


async def adopt(context: Context, path: Path, database: str | None = None) -> Manifest:
    """Read the dump at ``path`` whole and give it a manifest. ``database`` says of which it is, where it does not.

    Raises ConsoleError (exit 2) when it is none, or cannot be written to; :class:`Unsound` when it is not sound.
    """
    form = await in_thread(context.stop, _form, path)
    if form is Form.MONGO_ARCHIVE:
        raise usage_error(
            "archive_not_judged",
            f"{shown_path(path)} is an archive of mongodump: what is in it cannot be judged here",
            "Restore it with mongorestore, or take a folder: mongodump --out DIR, or devora-console backup mongo",
        )
    if form is Form.BSON_FOLDER:
        found = await in_thread(context.stop, _bson, context, path, database)
    else:
        clients = await newest_clients(context.environ, context.tool_folders)
        found = await in_thread(context.stop, _postgres, context, path, form, clients.restore)
    manifest = await in_thread(context.stop, _manifest, context, path, form, found, database)
    exists(path, manifest)
    try:
        await in_thread(context.stop, write_manifest, path, manifest)
    except OSError as error:
        raise usage_error(
            "manifest_not_written",
            f"{shown_path(manifest_of(path))} cannot be written: {error.strerror}",
            "Adopt it where this user may write, or copy it there",
        ) from None
    remember(context.shelf, path)
    return manifest


def _form(path: Path) -> Form:
    if not path.exists():
        raise usage_error("backup_missing", f"{shown_path(path)}: there is no such file or folder", "Give its path")
    if path.name.endswith(PARTIAL) or path.name.endswith(MANIFEST):
        raise usage_error("backup_partial", f"{shown_path(path)} is no finished backup", "Give the path of a whole one")
    try:
        if path.is_file():
            with path.open("rb") as stream:
                if stream.read(4) == _MONGO_ARCHIVE:
                    return Form.MONGO_ARCHIVE
        form = form_of(path)
    except OSError as error:
        raise usage_error(
            "backup_unreadable", f"{shown_path(path)}: {error.strerror}", "Make it readable for this user"
        ) from None
    if form is None and path.is_dir():
        return Form.BSON_FOLDER
    if form is None:
        raise usage_error(
            "backup_no_dump",
            f"{shown_path(path)} is neither a dump of pg_dump nor a folder of mongodump",
            "Give a file of pg_dump (-Fc, -Ft, -Fd or plain SQL, gzipped or not), or mongodump's --out folder",
        )
    return form


def _bson(context: Context, path: Path, database: str | None) -> _Found:
    folder = BsonFolder(path, database or context.settings.mongo.database)
    contents = tuple(folder.read(context.stop))
    said: dict[str, object] = {}
    for place in (path / "prelude.json", folder.folder / "prelude.json"):
        with suppress(OSError, ValueError):
            loaded = json.loads(place.read_text("utf-8"))
            said = loaded if isinstance(loaded, dict) else {}
    server, tool = said.get("ServerVersion"), said.get("ToolVersion")
    return _Found(
        contents,
        "mongodump",
        one_line(str(tool), 40) if tool else "unknown",
        one_line(str(server), 40) if server else None,
        database or folder.database,
        None,
        (_BY_TIMES, _BY_BORDER),
    )


def _postgres(context: Context, path: Path, form: Form, pg_restore: Path) -> _Found:
    read = read_postgres(path, form, pg_restore, context.environ, context.stop)
    notes = read.notes + (() if read.created else (_BY_TIMES,))
    if form is Form.PLAIN_SQL:
        notes += (_RESTORE_PROVES,)
    return _Found(
        read.contents,
        "pg_dump",
        read.tool_version or "unknown",
        read.server_version,
        read.database,
        read.created,
        notes,
    )


def _manifest(context: Context, path: Path, form: Form, found: _Found, database: str | None) -> Manifest:
    files, oldest = [], utc_now()
    for place in files_of(path):
        size, sha = hash_file(place, context.stop)
        name = str(place.relative_to(path)) if path.is_dir() else path.name
        files.append(File(name, size, sha))
        oldest = min(oldest, datetime.fromtimestamp(place.stat().st_mtime, UTC))
    shas = {file.name: file.sha256 for file in files}
    taken = found.created or oldest
    return Manifest(
        kind=Kind.MONGO if form is Form.BSON_FOLDER else Kind.POSTGRES,
        form=form,
        tool=found.tool,
        tool_version=found.tool_version,
        server_version=found.server_version,
        database=found.database or database,
        server=None,
        label=None,
        started=taken,
        ended=taken,
        files=tuple(files),
        contents=tuple(replace(each, sha256=shas.get(each.file or "")) for each in found.contents),
        adopted=True,
        notes=found.notes,
        judged=(Judged(Level.COMPLETE, utc_now(), "every byte was read when it was adopted"),),
    )
