"""Read a backup: is every file there, is every byte what it was, what does it hold."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from devora_console.backup.clients import clients_for, newest_clients
from devora_console.backup.compare import compare
from devora_console.backup.context import Context
from devora_console.backup.digest import hash_file
from devora_console.backup.manifest import read_manifest
from devora_console.backup.model import Content, File, Finding, Form, Kind, Manifest
from devora_console.backup.mongo_read import BsonFolder
from devora_console.backup.postgres_read import read_postgres
from devora_console.backup.postgres_restore import named
from devora_console.backup.shelf import PARTIAL
from devora_console.backup.stop import in_thread
from devora_console.backup.unsound import Unsound, data_of, shown_path
from devora_console.core.problems import ConsoleError, usage_error

_NOT_OURS = "Adopt it first: devora-console backup adopt PATH"


def require_manifest(path: Path) -> Manifest:
    """The manifest of a backup. Raises ConsoleError (exit 2) with what to do when it has none."""
    if not path.exists():
        raise usage_error(
            "backup_missing", f"{shown_path(path)}: there is no such backup", "See devora-console backup list"
        )
    if path.name.endswith(PARTIAL):
        raise usage_error(
            "backup_partial",
            f"{shown_path(path)} was never finished: it is no backup",
            "Take the backup again; what is left of this one is removed then",
        )
    manifest = read_manifest(path)
    if manifest is None:
        raise usage_error("backup_unknown", f"{shown_path(path)} has no manifest of the console", _NOT_OURS)
    return manifest


def exists(path: Path, manifest: Manifest) -> None:
    """Every file of the manifest is there with its size, and there is something in it. Raises :class:`Unsound`."""
    for file in manifest.files:
        place = path / file.name if path.is_dir() else path
        if not place.is_file():
            raise Unsound(Finding.MISSING, f"{shown_path(place)} is missing")
        size = place.stat().st_size
        if size == 0 and file.bytes:
            raise Unsound(Finding.EMPTY, f"{shown_path(place)} is empty; it had {file.bytes} bytes")
        if size < file.bytes:
            raise Unsound(Finding.TRUNCATED, f"{shown_path(place)} has {size} of its {file.bytes} bytes")
        if size > file.bytes:
            raise Unsound(Finding.CHANGED, f"{shown_path(place)} has {size} bytes; it had {file.bytes}")
    if not manifest.files or not manifest.contents:
        raise Unsound(Finding.EMPTY, "it holds no collection or table", "See whether the right database was dumped")
    if all(each.count == 0 for each in manifest.contents):
        kind = "document" if manifest.kind is Kind.MONGO else "row"
        raise Unsound(
            Finding.EMPTY, f"it holds not a single {kind}", "See whether the right database was dumped: DB_NAME, dbname"
        )


async def complete(context: Context, path: Path, manifest: Manifest) -> tuple[Content, ...]:
    """Read every byte: checksums as they were, everything walked to its end. Raises :class:`Unsound`."""
    for file in manifest.files:
        await in_thread(context.stop, _as_it_was, context, path, file)
    contents = await read_contents(context, data_of(path, manifest), manifest.form, manifest)
    wrong = compare(manifest.contents, [each for each in contents if is_listed(each, manifest)])
    if wrong:
        raise Unsound(Finding.CHANGED, f"it is not what it was: {named(wrong, 'in the manifest', 'in the backup')}")
    return contents


def is_listed(content: Content, manifest: Manifest) -> bool:
    """What extensions bring is in a dump of ours and not in its manifest."""
    return manifest.kind is Kind.MONGO or any(each.name == content.name for each in manifest.contents)


async def read_contents(context: Context, path: Path, form: Form, manifest: Manifest | None) -> tuple[Content, ...]:
    """What the backup holds, found by reading all of it. Raises :class:`Unsound`."""
    if form is Form.BSON_FOLDER:
        folder = await in_thread(context.stop, BsonFolder, path, manifest.database if manifest else None)
        return tuple(await in_thread(context.stop, folder.read, context.stop))
    if form is Form.MONGO_ARCHIVE:
        raise Unsound(
            Finding.UNKNOWN,
            "an archive of mongodump cannot be read here: its format belongs to mongorestore",
            "Dump into a folder: devora-console backup mongo, or mongodump --out",
        )
    clients = await _reader(context, manifest)
    read = await in_thread(context.stop, read_postgres, path, form, clients, context.environ, context.stop)
    return read.contents


async def _reader(context: Context, manifest: Manifest | None) -> Path:
    """A pg_restore that reads it: of the version that wrote it, else the newest there is."""
    major = (manifest.tool_version.partition(".")[0] if manifest else "") or ""
    if major.isdigit():
        with suppress(ConsoleError):  # an older one may read it as well, and says so when it cannot
            return (await clients_for(int(major), context.environ, context.tool_folders)).restore
    return (await newest_clients(context.environ, context.tool_folders)).restore


def _as_it_was(context: Context, path: Path, file: File) -> None:
    place = path / file.name if path.is_dir() else path
    _, sha = hash_file(place, context.stop)
    if sha != file.sha256:
        raise Unsound(Finding.CHANGED, f"{shown_path(place)} has changed since: its SHA-256 is another one")
