"""The target as its catalogue describes it, and whether the mapping fits it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg

from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.migration.mapping import Collection, Column, Mapping
from devora_console.postgres.sqlfiles import sql

_HERE = "devora_console.migration"
_TYPES = {
    "text": {"text", "varchar", "bpchar", "citext"},
    "uuid": {"uuid"},
    "bool": {"bool"},
    "int4": {"int4"},
    "int8": {"int8"},
    "numeric": {"numeric"},
    "timestamptz": {"timestamptz"},
    "jsonb": {"jsonb"},
}


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """One column. ``max_length`` in characters; ``precision`` and ``scale`` of a numeric."""

    name: str
    type: str
    not_null: bool
    has_default: bool
    max_length: int | None = None
    precision: int | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A unique index or constraint: its keys and predicate as SQL text from the catalogue."""

    name: str
    primary: bool
    keys: tuple[str, ...]
    predicate: str | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetTable:
    """One table the migration writes to. ``foreign_keys``: column to (constraint name, referenced table)."""

    name: str
    columns: dict[str, TargetColumn]
    uniques: tuple[UniqueKey, ...]
    foreign_keys: dict[str, tuple[str, str]]
    owned: bool
    checks: tuple[str | None, ...] = ()  # expressions of CHECKs; None: something else that may refuse a row

    def primary_name(self) -> str:
        """The name of the primary key constraint."""
        return next((key.name for key in self.uniques if key.primary), f"{self.name}_pkey")


@dataclass(frozen=True, slots=True)
class Target:
    """All tables of the mapping, and the schema version they belong to."""

    tables: dict[str, TargetTable]
    schema_version: int


def quoted(name: str) -> str:
    """An identifier as PostgreSQL quotes it; for names that come from the catalogue or the checked mapping."""
    return '"' + name.replace('"', '""') + '"'


async def read_target(connection: asyncpg.Connection[asyncpg.Record], mapping: Mapping) -> Target:
    """The target's tables. Raises ConsoleError (exit 2) naming every way in which they do not fit the mapping."""
    names = sorted({table for collection in mapping.mapped() for table in collection.tables()})
    version = await _schema_version(connection)
    columns = await connection.fetch(sql(_HERE, "target_columns"), names)
    uniques = await connection.fetch(sql(_HERE, "target_uniques"), names)
    foreign = await connection.fetch(sql(_HERE, "target_foreign_keys"), names)
    aside = await _uniques_set_aside(connection)
    async with connection.transaction(readonly=True):
        await connection.execute("SET LOCAL search_path = pg_catalog")
        checks = await connection.fetch(sql(_HERE, "target_checks"), names)
    tables = {
        name: TargetTable(
            name=name,
            columns={row["column_name"]: _column(row) for row in columns if row["table_name"] == name},
            uniques=tuple(
                UniqueKey(
                    row["index_name"], row["is_primary"], tuple(row["keys"]), row["predicate"], tuple(row["columns"])
                )
                for row in uniques
                if row["table_name"] == name
            )
            + tuple(
                key
                for key in aside.get(name, ())
                if key.name not in {row["index_name"] for row in uniques if row["table_name"] == name}
            ),
            foreign_keys={
                row["column_name"]: (row["constraint_name"], row["referenced"])
                for row in foreign
                if row["table_name"] == name
            },
            owned=any(row["owned"] for row in columns if row["table_name"] == name),
            checks=tuple(row["expression"] for row in checks if row["table_name"] == name),
        )
        for name in names
        if any(row["table_name"] == name for row in columns)
    }
    problems = [*_missing_tables(names, tables), *_misfits(mapping, tables)]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        first = problems[0]
        raise ConsoleError(Problem(first.code, first.message + more, first.remedy), ExitCode.USAGE)
    return Target(tables, version)


async def _schema_version(connection: asyncpg.Connection[asyncpg.Record]) -> int:
    if await connection.fetchval("SELECT to_regclass('devora_console.schema_version') IS NULL"):
        raise ConsoleError.of(
            ExitCode.USAGE,
            "schema_missing",
            "the target database has no Devora schema yet",
            "Run: devora-console schema apply",
        )
    if await connection.fetchval("SELECT to_regclass('devora_console.steering') IS NULL"):
        raise usage_error(
            "schema_old", "the target's schema is older than this console", "Run: devora-console schema apply"
        )
    return int(await connection.fetchval("SELECT coalesce(max(version), 0) FROM devora_console.schema_version"))


async def _uniques_set_aside(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, list[UniqueKey]]:
    """The unique keys that a load under way has set aside: they will be back, so they count."""
    found: dict[str, list[UniqueKey]] = {}
    for row in await connection.fetch(
        "SELECT table_name, name, keys, takes_part, columns FROM devora_console.set_aside WHERE kind = 'unique'"
    ):
        key = UniqueKey(row["name"], False, tuple(row["keys"]), row["takes_part"] or None, tuple(row["columns"]))
        found.setdefault(row["table_name"], []).append(key)
    return found


def _column(row: asyncpg.Record) -> TargetColumn:
    typmod, kind = row["typmod"], row["type_name"]
    numeric = kind == "numeric" and typmod >= 4
    return TargetColumn(
        name=row["column_name"],
        type=kind,
        not_null=row["not_null"],
        has_default=row["has_default"],
        max_length=typmod - 4 if kind in ("varchar", "bpchar") and typmod >= 4 else None,
        precision=((typmod - 4) >> 16) & 0xFFFF if numeric else None,
        scale=(typmod - 4) & 0x7FF if numeric else None,
    )


def _missing_tables(names: list[str], tables: dict[str, TargetTable]) -> Iterable[Problem]:
    for name in names:
        if name not in tables:
            yield Problem(
                "table_missing",
                f"the target has no table public.{name}",
                "Correct the table in the mapping, or run: schema check",
            )
        elif not tables[name].owned:
            yield Problem(
                "table_not_owned",
                f"table public.{name} belongs to a role that this user is not a member of",
                "Connect as the owner of the schema: row-level security refuses COPY to anyone else",
            )


def _misfits(mapping: Mapping, tables: dict[str, TargetTable]) -> Iterable[Problem]:
    for collection in mapping.mapped():
        if collection.table in tables:
            yield from _misfit(collection, tables[collection.table], collection.columns, _own(collection))
        for child in collection.children:
            if child.table in tables:
                own = {
                    child.key.column: child.key.type,
                    child.parent_column: collection.key.type if collection.key else "uuid",
                    child.ordinal_column: "int4",
                    child.extra_column: "jsonb",
                }
                yield from _misfit(collection, tables[child.table], child.columns, own)


def _own(collection: Collection) -> dict[str | None, str]:
    own: dict[str | None, str] = {collection.source_id_column: "text", collection.extra_column: "jsonb"}
    if collection.key is not None:
        own[collection.key.column] = collection.key.type
    return own


def _misfit(
    collection: Collection, table: TargetTable, columns: tuple[Column, ...], own: dict[str | None, str]
) -> Iterable[Problem]:
    where = f"mapping of {collection.name!r}"
    wanted = {column.name: column.type for column in columns} | {
        name: kind for name, kind in own.items() if name is not None
    }
    for name, kind in wanted.items():
        found = table.columns.get(name)
        if found is None:
            yield Problem(
                "column_missing", f"{where}: table {table.name} has no column {name!r}", "Correct the mapping"
            )
        elif found.type not in _TYPES[kind]:
            yield Problem(
                "column_type",
                f"{where}: {table.name}.{name} is {found.type}, the mapping says {kind}",
                "Correct the mapping",
            )
    mapped = set(wanted)
    for column_name, found in table.columns.items():
        if found.not_null and not found.has_default and column_name not in mapped:
            yield Problem(
                "column_unmapped",
                f"{where}: {table.name}.{column_name} is NOT NULL and the mapping gives it no value",
                "Add the column to the mapping",
            )
    referenced = {column.name for column in columns if column.reference is not None}
    for column_name in table.foreign_keys:
        if column_name in {column.name for column in columns} - referenced:
            yield Problem(
                "reference_unmapped",
                f"{where}: {table.name}.{column_name} is a foreign key, the mapping does not say to what",
                "Add 'references' to the column",
            )
