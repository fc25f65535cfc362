"""What backups say to the cutover: gates, measured anew whenever they are asked."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path

from devora_console.backup import postgres_server
from devora_console.backup.clients import all_clients, mongodump
from devora_console.backup.context import Context
from devora_console.backup.digest import hash_file
from devora_console.backup.judge import judge
from devora_console.backup.live import Live, live_of
from devora_console.backup.model import Finding, Kind, Level, Manifest
from devora_console.backup.mongo_server import MongoServer
from devora_console.backup.reading import exists
from devora_console.backup.shelf import Entry, entries, free_bytes, megabytes, with_margin
from devora_console.backup.stop import in_thread
from devora_console.backup.unsound import Unsound, shown_path
from devora_console.core.clock import span, utc_now
from devora_console.core.console import Verdict
from devora_console.core.gates import NOT_KNOWN, Gate, Measurement
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown

_DAY = timedelta(hours=24)
_Measure = Callable[[], Awaitable[Measurement]]


def gates(context: Context) -> list[Gate]:
    """The gates of this domain, for the registry. They read the shelf and ask the configured servers."""
    return [
        Gate(
            "backup.mongo",
            "MongoDB backup",
            "The newest backup of the source is there, whole, and lacks no collection. What was written since is said: "
            "the source is in use. The backup after the freeze has to agree exactly (backup verify --level counts).",
            _DAY,
            _guarded(lambda: _mongo(context)),
            item=4,
        ),
        Gate(
            "backup.postgres",
            "PostgreSQL backup",
            "The newest backup of the target is unchanged, and has been restored and compared.",
            _DAY,
            _guarded(lambda: _postgres(context)),
            item=5,
        ),
        Gate(
            "tools.versions",
            "Client tools",
            "pg_dump and pg_restore are not older than the server.",
            _DAY,
            _guarded(lambda: _tools(context)),
        ),
        Gate(
            "disk.free",
            "Free disk",
            "There is room for both backups and for what the migration reads ahead.",
            timedelta(hours=1),
            _guarded(lambda: _disk(context)),
        ),
    ]


def _guarded(measure: _Measure) -> _Measure:
    """What goes wrong on a server is not known, and says why."""

    async def guarded() -> Measurement:
        try:
            return await measure()
        except ConsoleError as error:
            return _unknown(error.problem.message, error.problem.remedy)
        except OSError as error:
            return _unknown(f"{error.strerror or error} {error.filename or ''}".strip(), "")

    return guarded


def _unknown(why: str, remedy: str) -> Measurement:
    return Measurement(Verdict.UNKNOWN, NOT_KNOWN, why=why, remedy=remedy)


def _newest(context: Context, live: Live) -> tuple[Entry, Manifest] | None:
    """The newest backup of this database; of PostgreSQL the newest that was restored, where any was."""
    found = list(_of(context, live))
    restored = [each for each in found if each[1].reached(Level.RESTORED) is not None]
    return next(iter([*restored, *found] if live.kind is Kind.POSTGRES else found), None)


def _of(context: Context, live: Live) -> Iterator[tuple[Entry, Manifest]]:
    """The backups of this database, the newest first; one that does not say of which server counts by its database."""
    for entry in entries(context.shelf):
        manifest = entry.manifest
        if manifest is None or manifest.kind is not live.kind or manifest.database not in (None, live.database):
            continue
        if manifest.server is None or live.is_server(manifest.server):
            yield entry, manifest


async def _mongo(context: Context) -> Measurement:
    threshold = "complete, of every collection, at most 24 h old"
    live = await live_of(context, Kind.MONGO)
    found = await in_thread(context.stop, _newest, context, live)
    if found is None:
        return _none(live, threshold)
    entry, manifest = found
    judgement = await judge(context, entry.path, Level.COMPLETE, max_age=None)
    verdict = Verdict.OK if judgement.ok else Verdict.FAIL
    if judgement.finding is Finding.UNKNOWN:
        verdict = Verdict.UNKNOWN
    since = ""
    if judgement.ok:
        now = {each.name: each.count for each in await live.contents(context)}
        then = {each.name: each.count for each in manifest.contents}
        missing = sorted(name for name, count in now.items() if count and name not in then)
        if missing:
            verdict, since = Verdict.FAIL, f"; without {', '.join(missing)}"
        else:
            changed = sum(now.get(name, 0) != count for name, count in then.items())
            since = f"; {changed} of {len(then)} collections have other counts since" if changed else ""
    return Measurement(
        verdict,
        f"{judgement.level}, taken {_ago(manifest)} ago{since}",
        threshold,
        f"{entry.path.name}: {judgement.reason}",
        judgement.remedy or ("" if judgement.ok else "devora-console backup mongo"),
        manifest.started,
        _evidence(entry.path, manifest),
    )


async def _postgres(context: Context) -> Measurement:
    threshold = "restored and compared, at most 24 h old"
    live = await live_of(context, Kind.POSTGRES)
    found = await in_thread(context.stop, _newest, context, live)
    if found is None:
        return _none(live, threshold)
    entry, manifest = found
    evidence = _evidence(entry.path, manifest)
    value = f"{manifest.level}, taken {_ago(manifest)} ago"
    try:
        await in_thread(context.stop, _unchanged, context, entry.path, manifest)
    except Unsound as error:
        remedy = "devora-console backup postgres"
        return Measurement(Verdict.FAIL, error.finding, threshold, error.reason, remedy, manifest.started, evidence)
    tried = manifest.reached(Level.RESTORED)
    if tried is None:
        return Measurement(
            Verdict.FAIL,
            value,
            threshold,
            f"{entry.path.name} has not been restored and compared",
            f"devora-console backup verify --level restored {entry.path}",
            manifest.started,
            evidence,
        )
    since = span((utc_now() - tried.at).total_seconds())
    why = f"{entry.path.name}: unchanged since; {tried.compared_with} ({since} ago)"
    return Measurement(Verdict.OK, value, threshold, why, "", manifest.started, evidence)


def _unchanged(context: Context, path: Path, manifest: Manifest) -> None:
    exists(path, manifest)
    for file in manifest.files:
        place = path / file.name if path.is_dir() else path
        if hash_file(place, context.stop)[1] != file.sha256:
            raise Unsound(Finding.CHANGED, f"{shown_path(place)} has changed since: its SHA-256 is another one")


def _none(live: Live, threshold: str) -> Measurement:
    return Measurement(
        Verdict.FAIL,
        "none",
        threshold,
        f"there is no backup of {live.label}",
        f"devora-console backup {live.kind}, or adopt one: devora-console backup adopt PATH",
    )


def _ago(manifest: Manifest) -> str:
    return span(max(0.0, (utc_now() - manifest.started).total_seconds()))


def _evidence(path: Path, manifest: Manifest) -> dict[str, object]:
    counts = {each.name: each.count for each in manifest.contents}
    return {
        "path": str(path),
        "taken": manifest.started.isoformat(),
        "level": str(manifest.level),
        "bytes": manifest.bytes,
        "sha256": {file.name: file.sha256 for file in manifest.files[:50]},
        "counts": dict(list(counts.items())[:200]),
    }


async def _tools(context: Context) -> Measurement:
    dsn = context.postgres()
    async with postgres_server.session(dsn, context.settings.postgres.connect_timeout_seconds) as conn:
        facts = await postgres_server.facts(conn, dsn)
    found = await all_clients(context.environ, context.tool_folders)
    able = sorted((each for each in found if each.major >= facts.major), key=lambda each: each.major)
    mongo = await mongodump(context.environ)
    source = f"{mongo.version}" if mongo else "mongodump is not installed: the console dumps through the driver"
    threshold = f"{facts.major} or newer"
    evidence = {"server": facts.version, "pg_dump": [each.dump.version for each in found], "mongodump": source}
    if able:
        best = able[0]
        why = f"{best.dump.version} at {best.dump.path}; {source}"
        return Measurement(Verdict.OK, f"pg_dump {best.major}", threshold, why, evidence=evidence)
    value = f"pg_dump {max(each.major for each in found)}" if found else "no pg_dump"
    return Measurement(
        Verdict.FAIL,
        value,
        threshold,
        f"an older pg_dump cannot dump PostgreSQL {facts.version}; {source}",
        f"Install postgresql-client-{facts.major}",
        evidence=evidence,
    )


async def _disk(context: Context) -> Measurement:
    source = await in_thread(context.stop, _source_size, context)
    if isinstance(source, Unknown):
        return _unknown(source.reason, source.remedy)
    dsn = context.postgres()
    async with postgres_server.session(dsn, context.settings.postgres.connect_timeout_seconds) as conn:
        rows = sum(size for _, _, size in await postgres_server.tables(conn))
    # Before the copy the target is small; after it, it holds about what the source does.
    backups = with_margin(source) + with_margin(max(source, rows))
    return await in_thread(
        context.stop, _room, context.shelf, Path(tempfile.gettempdir()), backups, with_margin(source)
    )


def _source_size(context: Context) -> int | Unknown:
    mongo = context.settings.mongo
    with MongoServer(context.mongo(), mongo.database, mongo.server_selection_timeout_seconds) as server:
        return server.size()


def _room(shelf: Path, spool: Path, backups: int, ahead: int) -> Measurement:
    """Whether the folders have room; when both lie on one file system, for both together."""
    there = _existing(shelf)
    needs = {there: backups + ahead} if there.stat().st_dev == spool.stat().st_dev else {there: backups, spool: ahead}
    lines, short = [], []
    for place, need in needs.items():
        free = free_bytes(place)
        if isinstance(free, Unknown):
            return _unknown(f"{place}: {free.reason}", free.remedy)
        lines.append(f"{place}: {megabytes(free)} free of {megabytes(need)} needed")
        if free < need:
            short.append(place)
    least = min(needs, key=lambda place: _free(place) - needs[place])
    return Measurement(
        Verdict.FAIL if short else Verdict.OK,
        f"{megabytes(_free(least))} free",
        f"{megabytes(needs[least])} for both backups and the migration",
        "; ".join(lines),
        "Make room, or point DEVORA_CONSOLE_HOME and TMPDIR to another disk" if short else "",
        evidence={str(place): need for place, need in needs.items()},
    )


def _free(place: Path) -> int:
    free = free_bytes(place)
    return 0 if isinstance(free, Unknown) else free


def _existing(path: Path) -> Path:
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
