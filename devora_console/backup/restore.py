"""Restore a backup into an empty database, and say whether what came of it is what was saved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from devora_console.backup.context import Context
from devora_console.backup.model import Content, Difference, Kind, Manifest
from devora_console.backup.mongo_restore import restore_mongo
from devora_console.backup.postgres_restore import restore_postgres
from devora_console.backup.reading import complete, exists, require_manifest
from devora_console.backup.stop import in_thread
from devora_console.backup.unsound import Unsound
from devora_console.core.problems import refused


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was restored: what the database holds now, and where that differs from the backup."""

    path: Path
    manifest: Manifest
    database: str
    contents: tuple[Content, ...]
    differences: tuple[Difference, ...]
    compared: str

    @property
    def ok(self) -> bool:
        """Whether it is what was saved."""
        return not self.differences


async def restore(context: Context, path: Path, database: str, *, owner: bool = True) -> Restored:
    """Read the backup whole, restore it into ``database``, compare. ``owner``: with ownership and grants (PostgreSQL).

    Raises ConsoleError: exit 4 when the backup is not sound, the database not empty or the server does not take it.
    """
    manifest = require_manifest(path)
    try:
        exists(path, manifest)
        found = await complete(context, path, manifest)
        known = {each.name for each in manifest.contents}
        # Foreign dumps may have written the same rows in other words (another time zone): their counts are compared.
        strip = manifest.adopted and manifest.kind is Kind.POSTGRES
        wanted = tuple(replace(each, digest=None if strip else each.digest) for each in found if each.name in known)
        manifest = replace(manifest, contents=wanted)
        if manifest.kind is Kind.MONGO:
            contents, differences = await in_thread(context.stop, restore_mongo, context, path, manifest, database)
        else:
            contents, differences = await restore_postgres(context, path, manifest, database, owner=owner)
    except Unsound as error:
        raise refused(
            "backup_not_restored", f"{path.name} was not restored into {database}: {error.reason}", error.remedy
        ) from None
    return Restored(path, manifest, database, contents, differences, _compared(manifest))


def _compared(manifest: Manifest) -> str:
    things = "collections" if manifest.kind is Kind.MONGO else "tables"
    counted = sum(1 for each in manifest.contents if each.count is not None)
    digests = sum(1 for each in manifest.contents if each.digest)
    words = [
        f"counts of {counted} {things}",
        f"digests of {digests}" if digests else "no digests, as it was made elsewhere",
    ]
    if counted < len(manifest.contents):
        words.append(f"{len(manifest.contents) - counted} {things} NOT compared: their rows are INSERTs")
    if manifest.objects:
        words.append("numbers of " + ", ".join(manifest.objects))
    elif manifest.kind is Kind.MONGO:
        words.append("numbers of indexes")
    return "; ".join(words)
