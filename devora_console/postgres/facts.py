"""What a PostgreSQL server tells about itself, this database, and what the console recorded in it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from devora_console.core.clock import utc_now
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import tagged

_HERE = "devora_console.postgres"
_ANSWER_SECONDS = 3.0  # the server ends a statement by itself; one that does not is hanging
_APPLY = "devora-console schema apply"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The last copy into this database. ``rows`` are the rows in place when it ended."""

    run: str
    state: str
    started_at: datetime | None
    finished_at: datetime | None
    holder: str
    rows: int | Unknown


@dataclass(frozen=True, slots=True)
class ConsoleFacts:
    """What the console recorded in the database. ``lease_holder`` is None while no migration is writing.

    ``schema_versions`` are applied in all, ``schema_version`` is the highest; ``run`` is None before the first copy.
    """

    schema_version: int
    schema_versions: int
    quarantine_open: int
    lease_holder: str | None
    lease_since: datetime | None
    run: RunFacts | None


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """The server as of ``as_of``. Sizes are bytes; ``tables`` counts those of schema public.

    ``extensions`` maps names to versions. ``console`` is Unknown where the schema was never applied, or may not
    be read by this user.
    """

    as_of: datetime
    version: str
    server_version_num: int
    database: str
    user: str
    superuser: bool
    database_owner: bool
    in_recovery: bool
    started_at: datetime
    server_time: datetime
    size_bytes: int | Unknown
    tables: int | Unknown
    extensions: Mapping[str, str] | Unknown
    console: ConsoleFacts | Unknown

    @property
    def schema_version(self) -> int | Unknown:
        """The highest applied version of the schema."""
        return self.console if isinstance(self.console, Unknown) else self.console.schema_version

    @property
    def uptime_seconds(self) -> float:
        """How long the server has been running, by its own clock."""
        return (self.server_time - self.started_at).total_seconds()


async def read_facts(
    connection: asyncpg.Connection[asyncpg.Record], like: PostgresFacts | None = None
) -> PostgresFacts:
    """Ask everything once. What costs a look at every file or table (size, tables, extensions) is taken over from
    ``like`` if given.

    What may not be known becomes an Unknown; raises asyncpg's errors when the connection is lost.
    """
    server = await _row(connection, "watch_server")
    if server is None:
        raise RuntimeError("the server does not know the role we are connected as")
    tables: int | Unknown
    extensions: Mapping[str, str] | Unknown
    if like is not None:
        size, tables, extensions = like.size_bytes, like.tables, like.extensions
    else:
        size, objects = await _size(connection), await _part(connection, "watch_objects")
        tables = objects if isinstance(objects, Unknown) else objects["tables"]
        extensions = (
            objects
            if isinstance(objects, Unknown)
            else dict(zip(objects["extensions"], objects["extension_versions"], strict=True))
        )
    return PostgresFacts(
        as_of=utc_now(),
        size_bytes=size,
        tables=tables,
        extensions=extensions,
        console=await _console(connection),
        **dict(server),
    )


async def _row(connection: asyncpg.Connection[asyncpg.Record], name: str) -> asyncpg.Record | None:
    return await connection.fetchrow(tagged(sql(_HERE, name)), timeout=_ANSWER_SECONDS)


async def _part(connection: asyncpg.Connection[asyncpg.Record], name: str) -> asyncpg.Record | Unknown:
    """One question that may fail without spoiling the others."""
    try:
        row = await _row(connection, name)
    except asyncpg.QueryCanceledError:
        return Unknown("the server took too long to answer", "It is busy, and is asked again")
    except asyncpg.InsufficientPrivilegeError as error:
        return Unknown(one_line(str(error)), "GRANT pg_monitor to this user, as a superuser")
    except asyncpg.UndefinedTableError as error:
        return Unknown(one_line(str(error)), "devora-console schema check")
    return row if row is not None else Unknown("the server gave no answer")


async def _size(connection: asyncpg.Connection[asyncpg.Record]) -> int | Unknown:
    row = await _part(connection, "watch_size")
    return row if isinstance(row, Unknown) else row["bytes"]


async def _console(connection: asyncpg.Connection[asyncpg.Record]) -> ConsoleFacts | Unknown:
    place = await _row(connection, "watch_console_readable")
    if place is None:
        return Unknown("the schema was never applied here", _APPLY)
    owner = one_line(place["owner"], 80)
    if not place["complete"]:
        return Unknown("schema devora_console lacks some of its tables", "devora-console schema check")
    if not place["readable"]:
        return Unknown("schema devora_console may not be read by this user", f"Connect as its owner, {owner}")
    row = await _part(connection, "watch_console")
    if isinstance(row, Unknown):
        return row
    if row["schema_version"] is None:
        return Unknown("no version of the schema is recorded here", _APPLY)
    run = None
    if row["run"] is not None:
        run = RunFacts(
            run=row["run"],
            state=one_line(row["run_state"] or "unknown", 40),
            started_at=row["run_started_at"],
            finished_at=row["run_finished_at"],
            holder=one_line(row["run_holder"] or "", 80),
            rows=Unknown("the run recorded no total") if row["run_rows"] is None else row["run_rows"],
        )
    held = row["lease_held"]
    return ConsoleFacts(
        schema_version=row["schema_version"],
        schema_versions=row["schema_versions"],
        quarantine_open=row["quarantine_open"],
        lease_holder=one_line(row["lease_holder"] or "another session", 80) if held else None,
        lease_since=row["lease_since"] if held else None,
        run=run,
    )
