"""Take versions back. Data goes with them: the preview says how much, so that a door can ask first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from devora_console.core.problems import Problem, usage_error
from devora_console.core.safetext import one_line
from devora_console.schema.preflight import present
from devora_console.schema.record import PREPARE, aside, describe_sql, exclusive, failed, recorded, refuse
from devora_console.schema.versions import EXTENSIONS, LATEST, ROLES, Version, versions


@dataclass(frozen=True, slots=True)
class Dropped:
    """An object that goes: ``rows`` (for a column: values) are lost with it, None: it holds none."""

    kind: str
    object: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class RollbackResult:
    """What a rollback drops, ``versions`` newest first, ``rows`` in all, and what is left and why."""

    to: int
    versions: tuple[int, ...]
    dropped: tuple[Dropped, ...]
    rows: int
    left: tuple[Problem, ...]


def _silent(line: str) -> None:
    """Nobody listens."""


async def rollback_preview(connection: asyncpg.Connection, to: int) -> RollbackResult:
    """What ``rollback`` to version ``to`` (0: nothing of ours stays) would drop, counted now. Reads only."""
    steps = await _steps(connection, to)
    dropped = await _losses(connection, steps)
    left = await _extensions_left(connection) + _roles_left(ROLES) if to == 0 and steps else ()
    return _result(to, steps, dropped, left)


async def rollback(
    connection: asyncpg.Connection, to: int, *, narrate: Callable[[str], None] = _silent
) -> RollbackResult:
    """Take back every version above ``to``, newest first, in one transaction: all or nothing.

    Raises ConsoleError: exit 2 for a version that does not exist, exit 1 with the server's refusal (something of
    somebody else's depends on what would go) or while a bulk load is unfinished, unless all goes; exit 4 when the
    schema is being changed elsewhere.
    """
    async with exclusive(connection):
        steps = await _steps(connection, to)
        if to > 0 and steps:
            refuse(await aside(connection))
        try:
            async with connection.transaction():
                await connection.execute(PREPARE)
                dropped = await _losses(connection, steps)
                for version in steps:
                    narrate(f"taking back {version.label}")
                    await connection.execute(version.down)
                    if version.number > 1:
                        await connection.execute(
                            "DELETE FROM devora_console.schema_version WHERE version = $1", version.number
                        )
                if steps and to > 0:
                    await connection.execute(describe_sql())
                left: tuple[Problem, ...] = ()
                if to == 0 and steps:
                    left = await _extensions_left(connection) + await _drop_roles(connection)
        except asyncpg.PostgresError as error:
            raise failed(f"rollback to version {to}", error) from error
    return _result(to, steps, dropped, left)


def _result(
    to: int, steps: tuple[Version, ...], dropped: tuple[Dropped, ...], left: tuple[Problem, ...]
) -> RollbackResult:
    rows = sum(item.rows or 0 for item in dropped if item.kind == "table")
    return RollbackResult(to, tuple(version.number for version in steps), dropped, rows, left)


async def _steps(connection: asyncpg.Connection, to: int) -> tuple[Version, ...]:
    if not 0 <= to <= LATEST:
        raise usage_error("version_unknown", f"there is no schema version {to}", f"choose 0 to {LATEST}")
    rows = await recorded(connection)
    newer = [row.version for row in rows if row.version > LATEST]
    if newer:
        raise usage_error(
            "schema_newer",
            f"version {newer[0]} is applied and this console knows {LATEST}",
            "use the console that applied it, or a newer one",
        )
    applied = {row.version for row in rows}
    return tuple(v for v in reversed(versions()) if v.number > to and v.number in applied)


async def _losses(connection: asyncpg.Connection, steps: tuple[Version, ...]) -> tuple[Dropped, ...]:
    dropped = []
    gone = {(made.schema, made.name) for version in steps for made in version.creates if made.kind == "table"}
    for version in steps:
        for made in await present(connection, list(version.creates)):
            rows = None
            if made.kind == "table":
                rows = await _count(connection, "count(*)", made.schema, made.name)
            dropped.append(Dropped(made.kind, f"{made.schema}.{made.name}".lstrip("."), rows))
        for schema, table, column in version.adds:
            if (schema, table) not in gone and await _has_column(connection, schema, table, column):
                expression: str = await connection.fetchval("SELECT format('count(%I)', $1::text)", column)
                rows = await _count(connection, expression, schema, table)
                dropped.append(Dropped("column", f"{schema}.{table}.{column}", rows))
    return tuple(dropped)


async def _count(connection: asyncpg.Connection, expression: str, schema: str, table: str) -> int:
    """Rows of a table, or values of a column; ``expression`` is quoted already, the names are quoted here."""
    sql: str = await connection.fetchval(
        "SELECT format('SELECT %s FROM %I.%I', $1::text, $2::text, $3::text)", expression, schema, table
    )
    count: int = await connection.fetchval(sql)
    return count


async def _has_column(connection: asyncpg.Connection, schema: str, table: str, column: str) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attname = $3 AND NOT attisdropped"
            " AND attrelid = to_regclass(format('%I.%I', $1::text, $2::text)))",
            schema,
            table,
            column,
        )
    )


async def _extensions_left(connection: asyncpg.Connection) -> tuple[Problem, ...]:
    names = await connection.fetchval(
        "SELECT array_agg(extname::text ORDER BY extname) FROM pg_extension WHERE extname = ANY ($1::text[])",
        list(EXTENSIONS),
    )
    return tuple(
        Problem("extension_left", f"extension {name} stays", f"if nothing else uses it: DROP EXTENSION {name};")
        for name in names or ()
    )


def _roles_left(roles: tuple[str, ...], reason: str = "stays if anything else uses it") -> tuple[Problem, ...]:
    return tuple(
        Problem("role_left", f"role {role} {reason}", f"when nothing uses it: DROP ROLE {role};") for role in roles
    )


async def _drop_roles(connection: asyncpg.Connection) -> tuple[Problem, ...]:
    """Drop the group roles that nothing needs: no members but us and the owner, no grant in any database."""
    left: tuple[Problem, ...] = ()
    for role in ROLES:
        members = await connection.fetchval(
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
            " WHERE r.rolname = $1 AND pg_get_userbyid(m.member) <> current_user"
            " AND m.member <> (SELECT datdba FROM pg_database WHERE datname = current_database())",
            role,
        )
        if members:
            left += _roles_left((role,), f"stays: it has {members} member{'s' if members > 1 else ''}")
            continue
        try:
            async with connection.transaction():
                await connection.execute(await _drop_role_sql(connection, role))
        except asyncpg.PostgresError as error:
            left += _roles_left((role,), f"stays: {one_line(error.message or '')}")
    return left


async def _drop_role_sql(connection: asyncpg.Connection, role: str) -> str:
    """REVOKE of the two grants that are not on our objects, then DROP ROLE."""
    sql: str = await connection.fetchval(
        "SELECT format('REVOKE ALL ON DATABASE %1$I FROM %2$I; REVOKE ALL ON SCHEMA public FROM %2$I; DROP ROLE %2$I',"
        " current_database(), $1::text)",
        role,
    )
    return sql
