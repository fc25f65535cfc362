"""What a bulk load drops and makes again: secondary indexes, unique and foreign keys, and our own insert triggers.

Everything dropped is recorded in ``devora_console.set_aside`` in the transaction that drops it, and leaves the record
in the transaction that makes it again. So a load may be killed at any instant: the next run asks :func:`waiting`.
It takes the owner of the tables, never a superuser. Only what comes back exactly as it was is touched.

Things come back one at a time, in any order, by several connections at once. An index is built under a SHARE lock,
which goes with itself, so two may be built at the same time, on one table too. Everything stronger (turning an index
into a constraint, a foreign key, a trigger) takes moments and is a transaction of its own: nobody who holds one lock
on a table waits for a stronger one. But it does wait for the builds on its table.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.contenders import duplicates, orphans
from devora_console.migration.target import quoted
from devora_console.migration.things import HERE, Connection, Kind, Thing, described, explained, read, settle
from devora_console.postgres.connect import LOST
from devora_console.postgres.sqlfiles import sql

__all__ = ["Aside", "Kind", "Left", "Thing", "bring_back", "set_aside", "validate", "waiting"]

LOCK_SECONDS = 5.0
"""How long to wait for a table that must not be in use. Longer than it takes a vacuum in the way to give up (1 s)."""
WAIT_SECONDS = 3600.0
"""How long to wait for a lock: other builds of ours on the same table may be in the way, and they take their time."""
MEMORY_MB = 256
"""The most that one build may take; so much is not missed on a server that can hold the data."""

_SHOW_ALL: frozenset[tuple[str, str]] = frozenset()
# A foreign key needs the unique key it refers to: it goes first.
_GOES = ("foreign_key", "trigger", "unique", "index")


@dataclass(frozen=True, slots=True)
class Left:
    """Something that stays in place during the load, and why."""

    kind: Kind
    table: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Aside:
    """What one :func:`set_aside` did: the things it dropped, and what it left in place."""

    things: tuple[Thing, ...]
    left: tuple[Left, ...]


async def set_aside(connection: Connection, tables: Collection[str]) -> Aside:
    """Drop and record what slows down a load into ``tables`` (names in schema public); again does nothing more.

    One transaction, or part of the caller's: then the search path and the timeouts set here last until that ends.
    Primary keys, and foreign keys of other tables, stay and are not mentioned. ConsoleError: exit 4 when a table is
    in use, exit 2 when it is missing or not ours, exit 1 for whatever else the server refuses.
    """
    things: list[Thing] = []
    left: list[Left] = []
    doing = ", ".join(sorted(set(tables)))
    try:
        await _recordable(connection)
        async with connection.transaction():
            await settle(connection, lock_seconds=LOCK_SECONDS)
            for table in sorted(set(tables)):  # always in the same order: two of us cannot wait for each other
                doing = table
                await connection.execute(f"LOCK TABLE public.{quoted(table)} IN ACCESS EXCLUSIVE MODE")
            found = await described(connection, tables)
            for thing, reason in sorted(found, key=lambda pair: _GOES.index(pair[0].kind)):
                doing = thing.table
                reason = reason or await _drop(connection, thing, things)  # noqa: PLW2901
                if reason:
                    left.append(Left(thing.kind, thing.table, thing.name, reason))
    except LOST:
        raise
    except asyncpg.PostgresError as error:
        raise await explained(
            connection, error, f"{one_line(doing, 80)} cannot be made ready for a load", doing
        ) from error
    return Aside(tuple(things), tuple(left))


async def waiting(connection: Connection) -> tuple[Thing, ...]:
    """What is recorded and not back, in the order of its return: unique keys, indexes, foreign keys, triggers.

    Any other order will do, too, but for a foreign key to a unique key that is aside. Empty when the schema is too
    old to record anything.
    """
    if await connection.fetchval("SELECT to_regclass('devora_console.set_aside') IS NULL"):
        return ()
    return tuple(read(row) for row in await connection.fetch(sql(HERE, "set_aside_waiting")))


async def bring_back(
    connection: Connection,
    thing: Thing,
    *,
    memory_mb: int = 128,
    workers: int = 1,
    wait_seconds: float = WAIT_SECONDS,
    hidden: Collection[tuple[str, str]] = _SHOW_ALL,
) -> bool:
    """Make ``thing`` again and take it off the record. Returns false when it was there already, or not recorded.

    A build gets ``memory_mb`` MB (1 to 256) and up to ``workers`` parallel workers besides. A unique constraint
    takes two transactions: its index is built while others may read, then attached. A foreign key comes back NOT
    VALID and stays on the record, ``added``, until :func:`validate`; unless it was NOT VALID before.

    ConsoleError: exit 1 when the rows do not allow it, naming those that contend (columns in ``hidden``, as (table,
    column), are not shown), or when something else has its name; exit 4 when the table is in use for
    ``wait_seconds``. Then it stays on the record and nothing has changed.
    """
    made = False
    try:
        while True:
            async with connection.transaction():
                await settle(connection, lock_seconds=wait_seconds)
                if thing.kind == "foreign_key":
                    # It locks two tables: one key at a time, or two that refer to each other's tables might get stuck.
                    await connection.execute("LOCK TABLE devora_console.set_aside IN SHARE UPDATE EXCLUSIVE MODE")
                if not await _claim(connection, thing):
                    return made
                there = await _there(connection, thing)
                if there is None:
                    await _make(connection, thing, memory_mb, workers)
                    made = True
                    if thing.attach:
                        continue  # commits: the exclusive lock is asked for without holding any other
                elif thing.attach and not there.attach:
                    await connection.execute(thing.attach)
                    made = True
                for statement in thing.afterwards:
                    if there is None or statement not in there.afterwards:
                        await connection.execute(statement)
                await _settled(connection, thing, validated=there is not None and there.valid)
                return made
    except LOST:
        raise
    except asyncpg.UniqueViolationError:
        raise await _contended(connection, thing, hidden) from None  # the server's words hold the key
    except (asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
        raise _taken(thing, "something else") from None
    except asyncpg.PostgresError as error:
        raise await _failed(connection, error, thing, hidden) from None


async def validate(
    connection: Connection,
    thing: Thing,
    *,
    wait_seconds: float = WAIT_SECONDS,
    hidden: Collection[tuple[str, str]] = _SHOW_ALL,
) -> None:
    """Check every row against a foreign key that is back, and take it off the record. Nothing for other things.

    Reads may go on meanwhile, and writes too. ConsoleError (exit 1) with the number of orphans and the first of them;
    the key stays NOT VALID and on the record, and holds for new rows.
    """
    if thing.kind != "foreign_key" or not thing.valid:
        return
    try:
        async with connection.transaction():
            await settle(connection, lock_seconds=wait_seconds)
            if not await _claim(connection, thing):
                return
            await connection.execute(
                f"ALTER TABLE public.{quoted(thing.table)} VALIDATE CONSTRAINT {quoted(thing.name)}"
            )
            await _settled(connection, thing, validated=True)
    except LOST:
        raise
    except asyncpg.ForeignKeyViolationError:
        async with connection.transaction():
            await settle(connection, lock_seconds=wait_seconds)
            found = await orphans(connection, thing.table, thing.name, hidden=hidden)
        raise found from None
    except asyncpg.PostgresError as error:
        raise await _failed(connection, error, thing, hidden) from None


async def _claim(connection: Connection, thing: Thing) -> bool:
    """Whether it is still on the record; whoever else wants it waits until our transaction ends."""
    text = "SELECT number FROM devora_console.set_aside WHERE number = $1 FOR UPDATE"
    return await connection.fetchval(text, thing.number) is not None


async def _there(connection: Connection, thing: Thing) -> Thing | None:
    """The same thing as it is now, if somebody made it. ConsoleError (exit 1) when it is another, or broken."""
    for found, _ in await described(connection, [thing.table]):
        if (found.kind, found.name) == (thing.kind, thing.name):
            if found.definition != thing.definition or found.attach not in (None, thing.attach):
                raise _taken(thing, one_line(found.attach or found.definition, 200))
            if thing.kind != "foreign_key" and not found.valid:
                raise ConsoleError.of(
                    ExitCode.NEGATIVE,
                    "index_invalid",
                    f"{thing} is there, but not valid: somebody's attempt to make it has failed",
                    f"DROP INDEX public.{one_line(quoted(thing.name), 80)}; then run the migration again",
                )
            return found
    return None


async def _make(connection: Connection, thing: Thing, memory_mb: int, workers: int) -> None:
    statement = thing.definition
    if thing.kind == "foreign_key":
        # One that is not enforced is never validated, either.
        statement += "" if statement.endswith(" NOT ENFORCED") else " NOT VALID"
    await connection.execute(
        "SELECT set_config('default_tablespace', $1, true), set_config('maintenance_work_mem', $2, true),"
        " set_config('max_parallel_maintenance_workers', $3, true)",
        thing.tablespace,
        f"{min(max(memory_mb, 1), MEMORY_MB)}MB",
        str(max(workers, 0)),
    )
    await connection.execute(statement)


async def _settled(connection: Connection, thing: Thing, *, validated: bool) -> None:
    """Off the record; or, for a foreign key that is yet to be validated, noted as back."""
    if thing.kind == "foreign_key" and thing.valid and not validated:
        await connection.execute("UPDATE devora_console.set_aside SET added = true WHERE number = $1", thing.number)
    else:
        await connection.execute("DELETE FROM devora_console.set_aside WHERE number = $1", thing.number)


async def _contended(connection: Connection, thing: Thing, hidden: Collection[tuple[str, str]]) -> ConsoleError:
    async with connection.transaction():
        await settle(connection, lock_seconds=WAIT_SECONDS)
        return await duplicates(
            connection,
            thing.table,
            thing.name,
            thing.keys,
            thing.takes_part,
            secret=thing.secret(hidden),
            hidden=hidden,
        )


async def _failed(
    connection: Connection, error: asyncpg.PostgresError, thing: Thing, hidden: Collection[tuple[str, str]]
) -> ConsoleError:
    quiet = thing.secret(hidden)
    return await explained(connection, error, f"{thing} cannot be made again", thing.table, quiet=quiet)


def _taken(thing: Thing, what: str) -> ConsoleError:
    return ConsoleError.of(
        ExitCode.NEGATIVE,
        "name_taken",
        f"{thing} cannot come back, its name belongs to {what}",
        "Rename or drop that, then run the migration again",
    )


async def _recordable(connection: Connection) -> None:
    if await connection.fetchval("SELECT to_regclass('devora_console.set_aside') IS NULL"):
        raise usage_error(
            "schema_old",
            "this schema is too old for a bulk load: it has no devora_console.set_aside",
            "Run: devora-console schema apply",
        )


async def _drop(connection: Connection, thing: Thing, things: list[Thing]) -> str | None:
    """Record and drop it and add it to ``things``; or the reason why it stays. Recorded before: nothing to do."""
    try:
        async with connection.transaction():
            number = await connection.fetchval(sql(HERE, "set_aside_record"), *_values(thing))
            if number is None:
                return None
            await connection.execute(thing.drop)
    except asyncpg.DependentObjectsStillExistError as error:
        return one_line(f"it is needed: {(error.detail or '').splitlines()[0] if error.detail else error.message}", 200)
    things.append(replace(thing, number=number))
    return None


def _values(thing: Thing) -> tuple[object, ...]:
    """In the order of set_aside_record.sql."""
    return (
        *(thing.kind, thing.table, thing.name, thing.definition, thing.attach, list(thing.afterwards)),
        *(thing.tablespace, thing.valid, list(thing.keys), thing.takes_part, list(thing.columns), thing.function),
    )
