"""Restore a dump of PostgreSQL into an empty database, in one transaction, and compare what came of it."""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import asyncpg

from devora_console.backup import postgres_server as server
from devora_console.backup.child import Ended, run
from devora_console.backup.clients import Clients, clients_for
from devora_console.backup.compare import compare, compare_objects
from devora_console.backup.context import Context
from devora_console.backup.model import Content, Difference, Finding, Form, Manifest
from devora_console.backup.postgres_read import open_plain
from devora_console.backup.stop import Stop, in_thread
from devora_console.backup.unsound import Unsound, data_of
from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, refused
from devora_console.postgres.connect import other_database

_MOST_NAMED = 8


async def restore_postgres(
    context: Context, path: Path, manifest: Manifest, database: str, *, owner: bool
) -> tuple[tuple[Content, ...], tuple[Difference, ...]]:
    """Restore into ``database``, which is made when it is not there and must be empty when it is.

    Gives what the database holds afterwards and where that differs from the backup. Raises ConsoleError (exit 4 when it
    is not empty) or :class:`Unsound` when it cannot be restored; a database that was made for it is dropped then.
    """
    admin = context.postgres_admin()
    seconds = context.settings.postgres.connect_timeout_seconds
    into = other_database(server.full(admin), database)
    async with server.session(admin, seconds, read_only=False) as conn:
        facts = await server.facts(conn, admin)
        clients = await clients_for(facts.major, context.environ, context.tool_folders)
        made = not await server.exists(conn, database)
        if made:
            await server.create(conn, database, _owner(context) if owner else None)
        else:
            await _require_empty(into, database, seconds)
        try:
            await _restored(context, data_of(path, manifest), manifest.form, into, clients, owner=owner)
        except BaseException:  # protects from a half-filled database of ours, after Ctrl-C and a cancelled task too
            if made:
                with suppress(asyncpg.PostgresError, OSError):
                    await server.drop(conn, database)
            raise
    return await compared(into, manifest, seconds)


async def try_postgres(
    context: Context, path: Path, manifest: Manifest
) -> tuple[tuple[Content, ...], tuple[Difference, ...]]:
    """Restore into a scratch database, compare, and drop it. Ownership and grants are left out: data and structure are
    what is tried.
    """
    seconds = context.settings.postgres.connect_timeout_seconds
    admin = context.postgres_admin()
    async with server.session(admin, seconds) as conn:
        major = (await server.facts(conn, admin)).major
    clients = await clients_for(major, context.environ, context.tool_folders)
    async with server.scratch_database(admin, context.postgres(), seconds, context.narrate) as into:
        await _restored(context, data_of(path, manifest), manifest.form, into, clients, owner=False)
        return await compared(into, manifest, seconds)


async def compared(dsn: Dsn, manifest: Manifest, seconds: float) -> tuple[tuple[Content, ...], tuple[Difference, ...]]:
    """What a database holds, and where that differs from what a backup says it has."""
    async with server.session(dsn, seconds) as conn:
        found = await server.contents_of(conn, manifest.contents, digests=True)
        differences = compare(manifest.contents, found.values())
        differences += compare_objects(manifest.objects, await server.objects(conn))
    return tuple(found.values()), differences


def _owner(context: Context) -> str | None:
    """Who shall own a database that a superuser makes: the login of the configured one."""
    if context.settings.postgres.superuser_dsn is None:
        return None
    return target(context.postgres()).user


async def _require_empty(into: Dsn, database: str, seconds: float) -> None:
    async with server.session(into, seconds) as conn:
        found = await server.contents(conn)
    if found:
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise refused(
            "restore_not_empty",
            f"refused to restore into {database}: it is not empty ({', '.join(found[:_MOST_NAMED])}{more})",
            "Name a database that does not exist yet, or an empty one; then point the application to it",
        )


async def _restored(context: Context, path: Path, form: Form, into: Dsn, clients: Clients, *, owner: bool) -> None:
    if form is Form.PLAIN_SQL:
        ended = await in_thread(context.stop, _psql, context.stop, path, into, clients, context.environ)
    else:
        ended = await in_thread(context.stop, _pg_restore, context.stop, path, into, clients, context.environ, owner)
    if ended.code:
        raise Unsound(Finding.NOT_RESTORED, f"it cannot be restored: {ended.why}", _remedy(ended.why))


def _pg_restore(stop: Stop, path: Path, into: Dsn, clients: Clients, environ: Mapping[str, str], owner: bool) -> Ended:
    where = target(into, environ)
    command = [str(clients.restore), "--no-password", "--single-transaction", "--exit-on-error"]
    if not owner:
        command += ["--no-owner", "--no-acl"]
    # pg_restore connects only when a database is named: the name is no secret, everything else is in the environment.
    command += [f"--dbname={where.database}", str(path)]
    return run(command, stop, environment=_environment(into, environ), secrets=(where.dsn,))


def _psql(stop: Stop, path: Path, into: Dsn, clients: Clients, environ: Mapping[str, str]) -> Ended:
    """The text within one transaction that only we commit, once all of it has been handed over: psql itself takes the
    end of a text that was cut off for its end, and commits.
    """
    command = [str(clients.psql), "--no-psqlrc", "--no-password", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]

    def feed(sink: IO[bytes]) -> None:
        sink.write(b"BEGIN;\n")
        try:
            with open_plain(path) as stream:
                shutil.copyfileobj(stream, sink, 1024 * 1024)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Unsound(Finding.TRUNCATED, f"it cannot be read to its end ({error})") from None
        sink.write(b"\nCOMMIT;\n")

    where = target(into, environ)
    return run(command, stop, environment=_environment(into, environ), feed=feed, secrets=(where.dsn,))


def _environment(into: Dsn, environ: Mapping[str, str]) -> dict[str, str]:
    environment = target(into, environ).tool_environment(environ)
    return {**environment, "PGAPPNAME": "devora-console restore", "LC_ALL": "C"}


def _remedy(why: str) -> str:
    words = why.lower()
    if "extension" in words:
        return "Set postgres.superuser_dsn (extensions may need a superuser), or install the extension on this server"
    if "role" in words and "does not exist" in words:
        return "Create the roles first (devora-console schema bootstrap), or leave ownership out: --no-owner"
    if "permission denied" in words or "must be owner" in words or "must be able to set role" in words:
        return "Set postgres.superuser_dsn, or leave ownership out: --no-owner"
    if "transaction_timeout" in words or "invalid command \\restrict" in words:
        return "The dump is of a newer PostgreSQL than this server or its psql: restore it into one as new"
    return "Look at the message; nothing of it was kept"


def unsound_error(error: Unsound, path: Path) -> ConsoleError:
    """The same for a command that cannot go on (exit 4)."""
    return refused("backup_unsound", f"refused to restore {path.name}: {error.reason}", error.remedy)


def named(differences: Sequence[Difference], expected: str, found: str) -> str:
    """The first differences in words."""
    more = f" and {len(differences) - _MOST_NAMED} more" if len(differences) > _MOST_NAMED else ""
    return "; ".join(each.words(expected, found) for each in differences[:_MOST_NAMED]) + more
