"""pg_dump of the right version, and the proof that its file holds what the database held at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from devora_console.backup import postgres_server as server
from devora_console.backup.child import Ended, run
from devora_console.backup.clients import Clients, clients_for
from devora_console.backup.compare import compare
from devora_console.backup.context import Context
from devora_console.backup.digest import hash_file, no_room
from devora_console.backup.model import Content, File, Form, Judged, Kind, Level, Manifest
from devora_console.backup.postgres_read import Read, read_postgres
from devora_console.backup.shelf import Partial, partial, remember, require_room, sweep
from devora_console.backup.stop import Stop, in_thread
from devora_console.backup.unsound import Unsound
from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode

_FILE = "database.dump"
_LOCK_WAIT = "60s"
SNAPSHOT = "the rows counted in the snapshot of the dump"


async def dump_postgres(context: Context, shelf: Path, *, ignore_space: bool = False) -> tuple[Path, Manifest]:
    """Take a backup of the configured PostgreSQL. Raises ConsoleError; nothing is left behind then."""
    for path in sweep(shelf, Kind.POSTGRES):
        context.narrate(f"removed {path.name}, left by a backup that did not end")
    dsn = context.postgres()
    started = utc_now()
    async with server.session(dsn, context.settings.postgres.connect_timeout_seconds) as conn:
        facts = await server.facts(conn, dsn)
        clients = await clients_for(facts.major, context.environ, context.tool_folders)
        size = sum(each for _, _, each in await server.tables(conn))
        if not ignore_space:
            context.narrate(require_room(shelf, size))
        context.narrate(f"{clients.dump.version} dumps {facts.label}, PostgreSQL {facts.version}")
        with partial(shelf, Kind.POSTGRES, facts.database, started) as place:
            counts, objects = await _dump(context, conn, dsn, clients, place)
            read, file = await in_thread(context.stop, _read_back, context, place.path / _FILE, clients)
            contents = _agreed(read, counts)
            ended = utc_now()
            manifest = Manifest(
                kind=Kind.POSTGRES,
                form=Form.PG_ARCHIVE,
                tool="pg_dump",
                tool_version=read.tool_version or clients.dump.version,
                server_version=facts.version,
                database=facts.database,
                server=facts.server,
                label=facts.label,
                started=started,
                ended=ended,
                files=(file,),
                contents=contents,
                objects=objects,
                judged=(Judged(Level.COUNTS, ended, SNAPSHOT),),
            )
            try:
                final = place.finish(manifest)
            except OSError as error:
                raise no_room(error, place.path) from None
    remember(context.shelf, final)
    return final, manifest


async def _dump(
    context: Context, conn: server.Connection, dsn: Dsn | None, clients: Clients, place: Partial
) -> tuple[dict[str, int], dict[str, int]]:
    """Run pg_dump on a snapshot, and count every table in that same snapshot meanwhile."""
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        snapshot = str(await conn.fetchval("SELECT pg_export_snapshot()"))
        dumping = asyncio.ensure_future(
            in_thread(context.stop, _pg_dump, context.stop, dsn, clients, snapshot, place, context.environ)
        )
        try:
            counts = await server.counts(conn)
            objects = await server.objects(conn)
            ended = await dumping
        except BaseException:  # whatever ends us ends pg_dump, before its folder is put away
            dumping.cancel()
            await asyncio.wait([dumping])
            raise
    if ended.code:
        raise ConsoleError.of(
            ExitCode.NEGATIVE,
            "pg_dump_failed",
            f"pg_dump failed: {ended.why}; nothing of the backup is kept",
            _remedy(ended.why),
        )
    return counts, objects


def _pg_dump(
    stop: Stop, dsn: Dsn | None, clients: Clients, snapshot: str, place: Partial, environ: Mapping[str, str]
) -> Ended:
    """Everything that says where to connect, the password too, goes by the environment: arguments can be seen."""
    where = target(dsn, environ)
    environment = where.tool_environment(environ)
    flags = " ".join(f"-c {name}={value}" for name, value in server.ROW_SETTINGS.items())
    environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {flags}".strip()
    environment["PGAPPNAME"] = "devora-console backup"
    environment["LC_ALL"] = "C"
    command = [
        str(clients.dump.path),
        "--format=custom",
        "--encoding=UTF8",
        "--no-password",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        f"--snapshot={snapshot}",
        f"--file={place.path / _FILE}",
    ]
    return run(command, stop, environment=environment, keep_open=(place.handle,), secrets=(where.dsn,))


def _remedy(why: str) -> str:
    words = why.lower()
    if "permission denied" in words or "row-level security" in words or "row security" in words:
        return "Connect as the owner of the tables, or as a member of pg_read_all_data with BYPASSRLS"
    if "no space" in words or "sigxfsz" in words or "could not write" in words or "too large" in words:
        return "Make room there, or give --out DIR on another disk"
    if "lock" in words:
        return "Somebody holds a lock on a table: devora-console locks"
    return "Look at the message, and run it again"


def _read_back(context: Context, path: Path, clients: Clients) -> tuple[Read, File]:
    """The file as it lies there now, whole: what it holds, and its checksum."""
    size, sha = hash_file(path, context.stop)
    try:
        read = read_postgres(path, Form.PG_ARCHIVE, clients.restore, context.environ, context.stop)
    except Unsound as error:
        raise ConsoleError.of(
            ExitCode.NEGATIVE, "backup_unsound", f"what pg_dump wrote is not sound: {error.reason}", error.remedy
        ) from None
    return read, File(_FILE, size, sha)


def _agreed(read: Read, counts: Mapping[str, int]) -> tuple[Content, ...]:
    """The tables of the dump, when their rows are those of the snapshot. What extensions bring is not counted."""
    expected = tuple(Content(name, count) for name, count in counts.items())
    own = tuple(each for each in read.contents if each.name in counts)
    wrong = compare(expected, own)
    if wrong:
        words = "; ".join(each.words("in the database", "in the dump") for each in wrong[:5])
        raise ConsoleError.of(
            ExitCode.NEGATIVE,
            "backup_differs",
            f"the dump does not hold what the database held: {words}; nothing of the backup is kept",
            "Connect as a role that sees every row (row-level security hides rows), and run it again",
        )
    return own
