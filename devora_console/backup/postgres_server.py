"""The live PostgreSQL: which it is, what its tables hold, databases made for a trial and dropped again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from devora_console.backup.digest import ContentDigest
from devora_console.backup.model import Content
from devora_console.backup.postgres_scratch import comment, sweep
from devora_console.backup.sqltext import shown
from devora_console.config.conninfo import parse, to_address
from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, connect_error
from devora_console.core.safetext import one_line
from devora_console.core.scratch import left_words, new_name
from devora_console.postgres.connect import LOST, close, connect, explain, other_database, place
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_PACKAGE = "devora_console.backup"
# Whatever the database or the role prefers: rows are written as pg_dump is told to write them.
ROW_SETTINGS = {"TimeZone": "UTC", "bytea_output": "hex", "xmloption": "content"}
_SESSION = {
    **ROW_SETTINGS,
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "idle_in_transaction_session_timeout": "0",
    "row_security": "off",
    "lock_timeout": "60000",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Which server and database this is."""

    version: str
    major: int
    database: str
    server: str
    label: str


@asynccontextmanager
async def session(dsn: Dsn | None, seconds: float, *, read_only: bool = True) -> AsyncIterator[Connection]:
    """A connection without time limits for reading everything; errors in the console's words."""
    try:
        conn = await connect(
            dsn,
            purpose="backup",
            read_only=read_only,
            timeout_seconds=seconds,
            statement_timeout_seconds=0,
            more=_SESSION,
        )
        try:
            yield conn
        finally:
            await close(conn)
    except (*LOST, asyncpg.PostgresError) as error:
        raise explain(error, dsn) from None


async def facts(conn: Connection, dsn: Dsn | None) -> Facts:
    """Ask which server this is. Its identity is the number its data directory was made with."""
    row = await conn.fetchrow(
        "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,"
        " current_database() AS database"
    )
    assert row is not None
    try:
        number = await conn.fetchval("SELECT system_identifier FROM pg_control_system()")
        identity = f"postgresql {number}"
    except asyncpg.InsufficientPrivilegeError:
        where = target(dsn)
        hosts = ",".join(f"{host}:{port}" for host, port in zip(where.hosts, where.ports, strict=False))
        identity = f"postgresql at {hosts or 'local'}"
    return Facts(
        str(row["version"]).split()[0],
        row["number"] // 10000,
        row["database"],
        identity,
        place(dsn),
    )


async def tables(conn: Connection) -> list[tuple[str, str, int]]:
    """Schema, name and bytes (indexes apart) of every table with rows of its own."""
    return [(row["schema"], row["name"], row["bytes"] or 0) for row in await conn.fetch(sql(_PACKAGE, "tables"))]


async def objects(conn: Connection) -> dict[str, int]:
    """What there is besides rows, counted by kind."""
    return {row["kind"]: row["count"] for row in await conn.fetch(sql(_PACKAGE, "objects"))}


async def contents(conn: Connection) -> list[str]:
    """What a database that should be empty holds: ``table public.users``."""
    found = [f"{row['kind']} {row['name']}" for row in await conn.fetch(sql(_PACKAGE, "contents"))]
    return sorted(found, key=lambda each: not each.startswith("table "))  # what hurts most comes first


async def count(conn: Connection, schema: str, name: str) -> int:
    """The rows of a table, its children's not among them."""
    return int(await conn.fetchval(f"SELECT count(*) FROM ONLY {quoted(schema)}.{quoted(name)}"))  # noqa: S608 - quoted


async def counts(conn: Connection) -> dict[str, int]:
    """The rows of every table, by its shown name."""
    return {shown(schema, name): await count(conn, schema, name) for schema, name, _ in await tables(conn)}


async def digest(conn: Connection, schema: str, name: str, columns: Sequence[str]) -> ContentDigest:
    """The rows of a table as COPY writes them, each hashed."""
    found = ContentDigest()
    rest = b""

    async def take(data: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")  # a line end within a value is written as \n
        found.add(lines)

    await conn.copy_from_table(name, schema_name=schema, columns=list(columns), output=take)
    return found


async def contents_of(conn: Connection, expected: Sequence[Content], *, digests: bool) -> dict[str, Content]:
    """What the server has of every table: counts, and digests in the column order of ``expected``."""
    order = {each.name: each.columns for each in expected}
    found: dict[str, Content] = {}
    for schema, name, _ in await tables(conn):
        key = shown(schema, name)
        columns = order.get(key, ())
        if digests and columns:
            seen = await digest(conn, schema, name, columns)
            found[key] = Content(key, seen.count, seen.bytes, seen.hex(), columns)
        else:
            found[key] = Content(key, await count(conn, schema, name))
    return found


def quoted(name: str) -> str:
    """An identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


async def exists(conn: Connection, database: str) -> bool:
    """Whether the server has a database of this name."""
    return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database))


async def create(conn: Connection, database: str, owner: str | None = None) -> None:
    """Make an empty database that encodes and sorts like the one we are in. Raises ConsoleError."""
    row = await conn.fetchrow(
        "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype"
        " FROM pg_database WHERE datname = current_database()"
    )
    assert row is not None
    alike = f"ENCODING {_text(row['encoding'])} LC_COLLATE {_text(row['datcollate'])} LC_CTYPE {_text(row['datctype'])}"
    by = f"OWNER {quoted(owner)} " if owner else ""
    try:
        await conn.execute(f"CREATE DATABASE {quoted(database)} {by}TEMPLATE template0 {alike}")
    except asyncpg.InsufficientPrivilegeError:
        raise cannot_create(database) from None


def cannot_create(database: str) -> ConsoleError:
    """This login makes no databases."""
    return connect_error(
        "no_createdb",
        f"this login may not create the database {one_line(database, 80)}",
        "ALTER ROLE ... CREATEDB, or set postgres.superuser_dsn (a dump with extensions such as vector needs it)",
    )


async def drop(conn: Connection, database: str) -> None:
    """Drop a database that we made, whoever is still in it."""
    await conn.execute(f"DROP DATABASE IF EXISTS {quoted(database)} WITH (FORCE)")


@asynccontextmanager
async def scratch_database(
    admin: Dsn | None, like: Dsn | None, seconds: float, narrate: Callable[[str], None]
) -> AsyncIterator[Dsn]:
    """An empty database for a trial, dropped at the end however that comes. What a killed trial left goes first, or is
    told to ``narrate`` when it cannot.

    Made on the server of ``admin``, encoded like the database of ``like``.
    """
    name = new_name()
    home = full(admin)
    there = other_database(home, target(like).database) if admin is not None else home
    async with session(there, seconds, read_only=False) as conn:
        for each in await sweep(conn):
            narrate(f"left behind by another trial: {left_words(each)}")
        await create(conn, name)
        try:
            await conn.execute(f"COMMENT ON DATABASE {quoted(name)} IS {_text(comment())}")
            yield other_database(home, name)
        finally:
            await drop(conn, name)


def full(dsn: Dsn | None) -> Dsn:
    """The connection string with everything that variables, services and files add to it."""
    return Dsn(to_address(parse(target(dsn).dsn.reveal())))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
