"""Temporary twins of the target's tables: where PostgreSQL itself judges every row before any real row is written.

The twins have the target's types, NOT NULLs and CHECKs. The dry run fills them inside read-only transactions (which
may write to temporary tables and to nothing else), so what it reports is what execution will meet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

import asyncpg

from devora_console.migration.plan import CollectionPlan, TablePlan
from devora_console.migration.rows import Body
from devora_console.migration.rules import Refusal
from devora_console.migration.target import Target, TargetTable, UniqueKey, quoted
from devora_console.postgres.connect import LOST

_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_DOCUMENT = "_document"
# What PostgreSQL calls it, and what we call it.
_RULES = {"23514": "check", "23502": "not_null", "22001": "too_long", "22003": "out_of_range", "23505": "unique"}


@dataclass(frozen=True, slots=True)
class Staged:
    """One document ready for its tables: ``number`` tells its rows apart from others of the batch."""

    number: int
    tables: list[list[Body]]


class Stage:
    """The twins of one collection's tables on one connection. Rows last until the transaction ends."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], plan: CollectionPlan, target: Target) -> None:
        self._connection = connection
        self._plan = plan
        self._target = target

    async def create(self) -> None:
        """Make the twins; part of no transaction that counts. Columns decided later may be null in them."""
        owner = {c.column.name for c in self._plan.root.columns if c.decided}
        async with self._connection.transaction():
            await self._connection.execute("SET TRANSACTION READ WRITE")
            for plan in self._plan.tables():
                name = stage_name(plan.table)
                await self._connection.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
                await self._connection.execute(
                    f"CREATE TEMP TABLE {name} (LIKE public.{quoted(plan.table)} INCLUDING DEFAULTS"
                    f" INCLUDING CONSTRAINTS, {_DOCUMENT} integer NOT NULL) ON COMMIT DELETE ROWS"
                )
                for column in owner & set(plan.names) if plan is self._plan.root else ():
                    await self._connection.execute(
                        f"ALTER TABLE pg_temp.{name} ALTER COLUMN {quoted(column)} DROP NOT NULL"
                    )

    async def load(self, documents: Sequence[Staged]) -> list[tuple[int, Refusal, str]]:
        """Fill the twins inside the caller's transaction; the refused: (number, why, sqlstate), found by bisection."""
        refused: list[tuple[int, Refusal, str]] = []
        await self._load(documents, refused)
        return refused

    async def _load(self, documents: Sequence[Staged], refused: list[tuple[int, Refusal, str]]) -> None:
        if not documents:
            return
        try:
            async with self._connection.transaction():
                for at, plan in enumerate(self._plan.tables()):
                    await self._copy(plan, ((each.number, each.tables[at]) for each in documents))
        except LOST:
            raise
        except asyncpg.PostgresError as error:
            if not is_about_data(error):
                raise
            if len(documents) == 1:
                refused.append((documents[0].number, refusal(error), error.sqlstate or ""))
                return
            half = len(documents) // 2
            await self._load(documents[:half], refused)
            await self._load(documents[half:], refused)

    async def _copy(self, plan: TablePlan, rows: Iterable[tuple[int, list[Body]]]) -> None:
        head = struct.pack(">h", len(plan.names) + 1)
        parts = []
        for number, bodies in rows:
            if bodies:
                start = head + struct.pack(">ii", 4, number)
                parts += [start, start.join(bodies)]
        columns = [_DOCUMENT, *plan.names]
        await copy_binary(self._connection, f"stage_{plan.table}", "pg_temp", columns, parts)

    async def claims(self) -> list[tuple[int, str, str]]:
        """(number, unique key, value) for every unique index but primary keys, computed by PostgreSQL."""
        found: list[tuple[int, str, str]] = []
        for plan in self._plan.tables():
            for key in self._target.tables[plan.table].uniques:
                if not key.primary:
                    text = (
                        f"SELECT {_DOCUMENT}, {key_text(key)} FROM pg_temp.{stage_name(plan.table)} WHERE {claim(key)}"
                    )
                    found += [(row[0], key.name, row[1]) for row in await self._connection.fetch(text)]
        return found


async def copy_binary(
    connection: asyncpg.Connection[asyncpg.Record], table: str, schema: str, columns: Sequence[str], parts: list[bytes]
) -> None:
    """COPY BINARY of rows: each its number of fields as int16, then its body."""
    if parts:
        await connection.copy_to_table(
            table,
            schema_name=schema,
            source=BytesIO(b"".join([_HEADER, *parts, _TRAILER])),
            columns=list(columns),
            format="binary",
            timeout=600,
        )


def stage_name(table: str) -> str:
    """The twin's name."""
    return quoted(f"stage_{table}")


def key_text(key: UniqueKey) -> str:
    """SQL for the value of a unique key as text; its parts are the catalogue's own expressions."""
    return "jsonb_build_array(" + ", ".join(f"({part})::text" for part in key.keys) + ")::text"


def claim(key: UniqueKey) -> str:
    """SQL for "this row takes part in the unique key": inside the predicate, and no part null."""
    parts = [f"({part}) IS NOT NULL" for part in key.keys]
    return " AND ".join([*parts, f"({key.predicate})"] if key.predicate else parts)


def is_about_data(error: asyncpg.PostgresError) -> bool:
    """Whether the error is about a row (values, constraints, triggers, size), not about the server, rights or us."""
    return (error.sqlstate or "")[:2] in ("21", "22", "23", "54", "P0")


def refusal(error: asyncpg.PostgresError) -> Refusal:
    """PostgreSQL's verdict on a row in the words of a quarantine entry. Holds no value of the row."""
    state = error.sqlstate or ""
    constraint = getattr(error, "constraint_name", None)
    column = getattr(error, "column_name", None)
    table = (getattr(error, "table_name", None) or "").removeprefix("stage_")
    message = {
        "23514": f"violates the CHECK {constraint} of {table}",
        "23502": f"{table}.{column} must not be null",
        "23505": f"another row has this key: {constraint}",
        "23503": f"refers to a row that is not there: {constraint}",
    }.get(state, f"PostgreSQL refuses a value ({type(error).__name__}, {state})")
    return Refusal(_RULES.get(state, "server_refused"), f"/{column}" if column else "", message, constraint)


def upsert(plan: TablePlan) -> str:
    """SQL that moves the twin's rows into the table, touching only rows that differ."""
    names = ", ".join(map(quoted, plan.names))
    key = quoted(plan.key.column)
    rest = [quoted(name) for name in plan.names if name != plan.key.column]
    assignments = ", ".join(f"{name} = excluded.{name}" for name in rest)
    ours = ", ".join(f"t.{name}" for name in rest)
    theirs = ", ".join(f"excluded.{name}" for name in rest)
    return (
        f"INSERT INTO public.{quoted(plan.table)} AS t ({names})"
        f" SELECT {names} FROM pg_temp.{stage_name(plan.table)}"
        f" ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE ({ours}) IS DISTINCT FROM ({theirs})"
    )


def sweep(root: TablePlan, child: TablePlan) -> str:
    """SQL that removes array elements which their (staged) documents no longer have."""
    assert child.parent_index is not None
    parent = quoted(child.names[child.parent_index])
    return (
        f"DELETE FROM public.{quoted(child.table)} t USING pg_temp.{stage_name(root.table)} p"
        f" WHERE t.{parent} = p.{quoted(root.key.column)} AND NOT EXISTS"
        f" (SELECT 1 FROM pg_temp.{stage_name(child.table)} s"
        f" WHERE s.{quoted(child.key.column)} = t.{quoted(child.key.column)})"
    )


def clear(plan: TablePlan) -> str:
    """SQL that empties a twin."""
    return f"DELETE FROM pg_temp.{stage_name(plan.table)}"


def remove(plan: CollectionPlan) -> list[str]:
    """SQL that deletes documents by their keys (texts, ``$1``), array elements first: nothing may cascade just now."""
    root = plan.root
    kind = quoted(root.types[root.key_index])
    named = [(child.table.table, child.child.parent_column) for child in plan.children]
    return [
        f"DELETE FROM public.{quoted(table)} WHERE {quoted(column)} = ANY ($1::text[]::{kind}[])"
        for table, column in [*named, (root.table, root.key.column)]
    ]


def park(root: TablePlan, table: TargetTable) -> list[str]:
    """SQL that frees unique keys of documents (keys as texts, ``$1``) until they are set again in the transaction."""
    key, kind = quoted(root.key.column), quoted(root.types[root.key_index])
    names = {
        name
        for unique in table.uniques
        if not unique.primary
        for name in unique.columns
        if table.columns[name].type in ("text", "varchar")
    }
    return [
        f"UPDATE public.{quoted(table.name)} SET {quoted(name)} = md5({key}::text)"
        f" WHERE {key} = ANY ($1::text[]::{kind}[]) AND {quoted(name)} IS NOT NULL"
        for name in sorted(names)
    ]
