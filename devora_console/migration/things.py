"""What slows down a bulk load, as data: each index, key and trigger with the SQL that makes it again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode, refused, usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.target import quoted
from devora_console.postgres.sqlfiles import sql

HERE = "devora_console.migration"

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Kind = Literal["unique", "index", "foreign_key", "trigger"]
_WORDS = {"unique": "unique key", "index": "index", "foreign_key": "foreign key", "trigger": "trigger"}


@dataclass(frozen=True, slots=True)
class Thing:
    """One index, key or trigger of ``public.table``, and the SQL that makes it again, as the catalogue prints it.

    ``number`` is its number in the record, 0 without one. ``definition`` makes it; ``attach`` turns the index into
    the unique constraint it was, if it was one; ``afterwards`` are its comments, statistics targets and the state of
    a trigger. ``tablespace`` of an index, empty: the database's. ``valid`` is false for a foreign key that was NOT
    VALID. ``keys`` and ``takes_part`` (under which condition a row counts) are SQL texts of a unique key;
    ``columns`` are those an index or key is about, or those in the UPDATE OF of a trigger; ``function`` is the
    trigger's. ``added``: a foreign key that is back and waits to be validated.
    """

    number: int
    kind: Kind
    table: str
    name: str
    definition: str
    attach: str | None
    afterwards: tuple[str, ...]
    tablespace: str
    valid: bool
    keys: tuple[str, ...]
    takes_part: str | None
    columns: tuple[str, ...]
    function: str | None
    added: bool

    def __str__(self) -> str:
        return f"{_WORDS[self.kind]} {one_line(self.name, 80)} of {one_line(self.table, 80)}"

    @property
    def drop(self) -> str:
        """The statement that drops it."""
        name, table = quoted(self.name), f"public.{quoted(self.table)}"
        if self.kind == "trigger":
            return f"DROP TRIGGER {name} ON {table}"
        if self.kind == "foreign_key" or self.attach:
            return f"ALTER TABLE {table} DROP CONSTRAINT {name}"
        return f"DROP INDEX public.{name}"

    def secret(self, hidden: Collection[tuple[str, str]]) -> bool:
        """Whether its values must not be shown: it is about a hidden column, or nobody knows what it is about."""
        about = self.columns or tuple(column for table, column in hidden if table == self.table)
        return any((self.table, column) in hidden for column in about)


def read(row: asyncpg.Record) -> Thing:
    """A thing from a row of set_aside_things.sql or set_aside_waiting.sql."""
    return Thing(
        number=row.get("number", 0),
        kind=row["kind"],
        table=row["table_name"],
        name=row["name"],
        definition=row["definition"],
        attach=row["attach"],
        afterwards=tuple(row["afterwards"]),
        tablespace=row["tablespace"],
        valid=row["valid"],
        keys=tuple(row["keys"]),
        takes_part=row["takes_part"] or None,
        columns=tuple(row["columns"]),
        function=row["function"],
        added=row.get("added", False),
    )


async def described(connection: Connection, tables: Collection[str]) -> list[tuple[Thing, str | None]]:
    """Everything of ``tables`` that could be set aside, with the reason if it cannot. Inside :func:`settle`."""
    rows = await connection.fetch(sql(HERE, "set_aside_things"), list(tables))
    return [(read(row), row["reason"]) for row in rows]


async def settle(connection: Connection, *, lock_seconds: float) -> None:
    """For this transaction: every name is printed qualified, locks are waited for so long, and work takes its time."""
    await connection.execute(
        "SELECT set_config('search_path', 'pg_catalog', true), set_config('statement_timeout', '0', true),"
        " set_config('lock_timeout', $1, true)",
        f"{round(lock_seconds * 1000)}ms",
    )


async def explained(
    connection: Connection, error: asyncpg.PostgresError, what: str, table: str, *, quiet: bool = False
) -> ConsoleError:
    """The server's refusal in one line. ``quiet``: its words may hold a value that must not be shown."""
    if isinstance(error, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError):
        rows = await connection.fetch(sql(HERE, "lock_holders"), table)
        who = ", ".join(f"pid {row['pid']} ({one_line(row['name'], 60)})" for row in rows)
        return refused(
            "table_in_use",
            f"{what}: table {one_line(table, 80)}, or one it refers to, is in use{f' by {who}' if who else ''}",
            "Wait for that session, or end it, then run the migration again; nothing is lost",
        )
    said = type(error).__name__ if quiet else one_line(error.message or "", 240)
    if isinstance(error, asyncpg.UndefinedTableError):
        return usage_error("table_missing", f"{what}: {said}", "See what is missing: devora-console schema check")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return usage_error("table_not_owned", f"{what}: {said}", "Connect as the owner of the schema")
    return ConsoleError.of(
        ExitCode.NEGATIVE, "bulk_load", f"{what}: {said} [{error.sqlstate}]", "Mend that, then run the migration again"
    )
