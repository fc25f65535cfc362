"""Judge a backup: does it exist, is it complete, do the counts agree, can it be restored. Nothing is taken on trust."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from devora_console.backup.compare import compare
from devora_console.backup.context import Context
from devora_console.backup.live import Live, live_of
from devora_console.backup.manifest import write_manifest
from devora_console.backup.model import (
    Content,
    Difference,
    Finding,
    Judged,
    Judgement,
    Kind,
    Level,
    Manifest,
)
from devora_console.backup.mongo_restore import try_mongo
from devora_console.backup.postgres_dump import SNAPSHOT
from devora_console.backup.postgres_restore import named, try_postgres
from devora_console.backup.reading import complete, exists, is_listed, require_manifest
from devora_console.backup.stop import in_thread
from devora_console.backup.unsound import Unsound
from devora_console.core.clock import span, utc_now
from devora_console.core.problems import ConsoleError, ExitCode

# What it was before, it is no longer: levels above the one reached now are struck from its manifest.
_LOST = {Finding.MISSING, Finding.EMPTY, Finding.TRUNCATED, Finding.CHANGED, Finding.UNREADABLE, Finding.NOT_RESTORED}

_SINCE = (
    "If the server was written to since, this is no fault of the backup: take a new one after the freeze, or judge it "
    "by itself with --against manifest"
)

_READ = {Level.EXISTS: "sizes as they were", Level.COMPLETE: "every byte read, checksums as they were"}


class Against(StrEnum):
    """What the counts of a backup are compared with."""

    AUTO = "auto"
    LIVE = "live"
    MANIFEST = "manifest"


@dataclass(slots=True)
class _Look:
    """A judgement in the making."""

    path: Path
    asked: Level
    manifest: Manifest
    level: Level = Level.NONE
    compared_with: str = ""
    contents: tuple[Content, ...] = ()
    live: list[Content] | None = None
    differences: tuple[Difference, ...] = ()
    notes: list[str] = field(default_factory=list)

    def ended(self, finding: Finding, reason: str, remedy: str = "", now: datetime | None = None) -> Judgement:
        """The judgement as it stands."""
        counts = {each.name: each.count for each in self.contents or self.manifest.contents}
        age = ((now or utc_now()) - self.manifest.started).total_seconds()
        return Judgement(
            path=self.path,
            asked=self.asked,
            level=self.level,
            finding=finding,
            reason=reason,
            remedy=remedy,
            manifest=self.manifest,
            compared_with=self.compared_with,
            counts=counts,
            differences=self.differences,
            age_seconds=age,
            notes=(*self.manifest.notes, *self.notes),
        )


async def judge(
    context: Context,
    path: Path,
    asked: Level,
    *,
    against: Against = Against.AUTO,
    max_age: timedelta | None = timedelta(hours=24),
) -> Judgement:
    """Try a backup up to the level ``asked``; a level that is reached is kept in its manifest, with the time.

    Raises ConsoleError: exit 2 when there is nothing at ``path`` or no manifest, exit 3 when a server is needed that
    cannot be reached.
    """
    manifest = require_manifest(path)
    look = _Look(path, asked, manifest)
    try:
        await _levels(context, look, against)
    except Unsound as error:
        if error.finding in _LOST or (look.differences and look.level is Level.COUNTS):
            await in_thread(context.stop, _forget, look)
        return look.ended(error.finding, error.reason, error.remedy)
    recorded = await in_thread(context.stop, _record, look)
    if recorded:
        look.notes.append(recorded)
    age = utc_now() - manifest.started
    if max_age is not None and age > max_age:
        old = f"taken {span(age.total_seconds())} ago, older than {span(max_age.total_seconds())}"
        return look.ended(Finding.OLD, old, f"Take a new one: devora-console backup {manifest.kind}")
    if age < -timedelta(minutes=5):
        why = "its manifest says that it was taken in the future: a clock is wrong, so its age is not known"
        return look.ended(Finding.UNKNOWN, why, "Set the clock, and take the backup again")
    return look.ended(Finding.OK, _good(look))


async def _levels(context: Context, look: _Look, against: Against) -> None:
    exists(look.path, look.manifest)
    look.level = Level.EXISTS
    if look.asked is Level.EXISTS:
        return
    look.contents = await complete(context, look.path, look.manifest)
    look.level = Level.COMPLETE
    if look.asked is Level.COMPLETE:
        return
    live = await live_of(context, look.manifest.kind) if _wants_server(look, against) else None
    _own(look, live)
    await _counts(context, look, against, live)
    uncounted = sum(1 for each in look.contents if each.count is None)
    if uncounted and look.asked is Level.COUNTS:
        raise Unsound(
            Finding.UNKNOWN,
            f"rows of {uncounted} tables are INSERTs, which cannot be counted before they are restored",
            "Try it: --level restored --against live",
        )
    look.level = Level.COMPLETE if uncounted else Level.COUNTS
    if look.asked is Level.RESTORED:
        await _restored(context, look)
        look.level = Level.RESTORED


def _wants_server(look: _Look, against: Against) -> bool:
    return look.asked is Level.RESTORED or _with_live(look.manifest, against) or against is Against.AUTO


def _with_live(manifest: Manifest, against: Against) -> bool:
    """Whether counts are compared with the server as it is now. A dump of PostgreSQL that we took has the counts of its
    own snapshot, which the server that goes on working no longer has.
    """
    if against is not Against.AUTO:
        return against is Against.LIVE
    return manifest.kind is Kind.MONGO or manifest.adopted


def _own(look: _Look, live: Live | None) -> None:
    """The backup is one of the configured database. Raises :class:`Unsound` when it is another's."""
    manifest = look.manifest
    if live is None:
        look.notes.append("no server is asked whether it is of the configured database")
        return
    if manifest.database is None or manifest.server is None:
        what = "database" if manifest.database is None else "server"
        look.notes.append(f"it does not say of which {what} it is")
    if manifest.database is not None and manifest.database != live.database:
        raise Unsound(
            Finding.FOREIGN,
            f"it is of the database {manifest.database}, not of {live.database}",
            "Judge the backup of the configured database, or configure the one it is of",
        )
    if manifest.server is not None and not live.is_server(manifest.server):
        raise Unsound(
            Finding.FOREIGN,
            f"it is of another server: {manifest.label}, not {live.label}",
            "Judge the backup of the configured server, or configure the one it is of",
        )


async def _counts(context: Context, look: _Look, against: Against, live: Live | None) -> None:
    if live is None or not _with_live(look.manifest, against):
        if not look.manifest.adopted and look.manifest.kind is Kind.POSTGRES:
            look.compared_with = SNAPSHOT
            return
        if look.asked is Level.RESTORED:
            look.compared_with = "its manifest alone"
            look.notes.append("no server was counted when it was taken: only what is in it was compared")
            return
        raise Unsound(
            Finding.UNKNOWN,
            "its manifest has no counts of a server to compare with, only what was found in the backup",
            "Compare with the server: --against live",
        )
    found = look.live = await live.contents(context)
    look.compared_with = f"{live.label} now"
    look.differences = compare(found, look.contents)
    if look.differences:
        raise Unsound(
            Finding.DIFFERS,
            f"it is complete, and the server is not what is in it: "
            f"{named(look.differences, 'on the server now', 'in the backup')}",
            _SINCE,
        )


async def _restored(context: Context, look: _Look) -> None:
    """Really restore it, compare every table or collection, drop it again."""
    # Compared with what the file was found to hold just now, not with what its manifest says alone.
    manifest = replace(look.manifest, contents=_with_digests(look))
    if look.manifest.kind is Kind.MONGO:
        try:
            _, differences = await in_thread(context.stop, try_mongo, context, look.path, manifest)
        except ConsoleError as error:
            if error.exit_code is ExitCode.INTERRUPTED:
                raise
            raise Unsound(
                Finding.NOT_RESTORED,
                f"the server does not take a scratch database: {error.problem.message}",
                error.problem.remedy,
            ) from None
    else:
        contents, differences = await try_postgres(context, look.path, manifest)
        differences += _uncounted(look, contents)
    look.differences = differences
    if differences:
        raise Unsound(
            Finding.DIFFERS,
            f"what was restored is not what was dumped: {named(differences, 'in the backup', 'restored')}",
            "Do not rely on it: take the backup again",
        )
    words = "counts and the digest of every document" if look.manifest.kind is Kind.MONGO else _tried(manifest)
    look.compared_with += f"; restored into a scratch database and compared: {words}"


def _uncounted(look: _Look, restored: tuple[Content, ...]) -> tuple[Difference, ...]:
    """Tables whose rows the dump does not tell (INSERTs), compared with the server. Raises :class:`Unsound`."""
    names = {each.name for each in look.contents if each.count is None}
    if names and look.live is None:
        raise Unsound(
            Finding.UNKNOWN,
            f"it can be restored, and nothing tells how many rows {len(names)} tables should have: they are INSERTs",
            "Compare with the server: --against live",
        )
    wanted = [each for each in look.live or () if each.name in names]
    return compare(wanted, [each for each in restored if each.name in names])


def _tried(manifest: Manifest) -> str:
    digests = sum(1 for each in manifest.contents if each.digest)
    counted = sum(1 for each in manifest.contents if each.count is not None)
    parts = [f"row counts of {counted} tables", *([f"digests of {digests}"] if digests else [])]
    return ", ".join(parts + (["numbers of indexes, constraints and functions"] if manifest.objects else []))


def _with_digests(look: _Look) -> tuple[Content, ...]:
    wanted: Iterable[Content] = (each for each in look.contents if is_listed(each, look.manifest))
    if not look.manifest.adopted:
        return tuple(wanted)
    # Another console's time zone or settings may have written the same rows in other words.
    strip = look.manifest.kind is Kind.POSTGRES
    return tuple(replace(each, digest=None) if strip else each for each in wanted)


def _record(look: _Look) -> str:
    """Keep the level in the manifest, for gates and lists; '' or why it could not be kept."""
    reached = Judged(look.level, utc_now(), look.compared_with or _READ[look.level])
    kept = [each for each in look.manifest.judged if each.level is not look.level]
    try:
        look.manifest = replace(look.manifest, judged=(*kept, reached))
        write_manifest(look.path, look.manifest)
    except OSError as error:
        return f"the level is not recorded: the manifest cannot be written ({error.strerror})"
    return ""


def _forget(look: _Look) -> None:
    """Strike levels that no longer hold; a manifest that cannot be written is judged by its files all the same."""
    kept = tuple(each for each in look.manifest.judged if each.level.rank <= look.level.rank)
    look.manifest = replace(look.manifest, judged=kept)
    with suppress(OSError):
        write_manifest(look.path, look.manifest)


def _good(look: _Look) -> str:
    number = len(look.contents or look.manifest.contents)
    things = "collections" if look.manifest.kind is Kind.MONGO else "tables"
    words = {
        Level.EXISTS: "every file is there with its size; nothing was read",
        Level.COMPLETE: f"every byte read: checksums as they were, {number} {things} walked to the end",
        Level.COUNTS: f"complete, and the counts of {number} {things} agree with {look.compared_with}",
        Level.RESTORED: f"complete; counts agree with {look.compared_with}",
    }
    return words[look.level]
