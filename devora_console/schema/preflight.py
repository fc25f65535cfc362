"""Everything that stands in the way of applying the schema, found at once, each with the SQL that ends it."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from devora_console.core.problems import Problem
from devora_console.schema.record import Applied, aside, changed, recorded
from devora_console.schema.sql import question
from devora_console.schema.versions import EXTENSIONS, ROLES, Created, Version, versions

OLDEST_SERVER = 140000
_REMOVE = (
    "take a backup, remove them with `devora-console schema sql --down | psql -v ON_ERROR_STOP=1 ...`, "
    "then run `devora-console schema apply`; or apply to an empty database"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One obstacle. ``sql`` is what a superuser runs; Not ``blocking``: the rest goes on without it."""

    problem: Problem
    sql: tuple[str, ...]
    blocking: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that waits for its extension, and what would end the wait."""

    version: int
    name: str
    extension: str
    problem: Problem
    sql: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found before applying. ``ok``: nothing blocks (versions may still wait)."""

    ok: bool
    database: str
    user: str
    server_version_num: int
    superuser: bool
    findings: tuple[Finding, ...]
    waiting: tuple[Waiting, ...]

    @property
    def blocking(self) -> tuple[Problem, ...]:
        """The problems that must be solved first."""
        return tuple(finding.problem for finding in self.findings if finding.blocking)


async def preflight(connection: asyncpg.Connection) -> Preflight:
    """Look at server, user, grants, roles, extensions and names in the way. Reads only."""
    here = await connection.fetchrow(question("situation"), list(ROLES))
    if here is None:
        raise RuntimeError("the server does not know the role we are connected as")
    applied = await recorded(connection)
    done = {row.version for row in applied}
    pending = tuple(version for version in versions() if version.number not in done)
    found = [Finding(problem, (), True) for problem in changed(applied)]
    found += _server(here)
    found += _grants(here, pending)
    found += await _conflicts(connection, pending, applied)
    if pending:
        found += [Finding(problem, (), True) for problem in await aside(connection)]
    waiting = await waits(connection, pending)
    found += [Finding(wait.problem, wait.sql, False) for wait in waiting]
    return Preflight(
        ok=not any(finding.blocking for finding in found),
        database=here["database"],
        user=here["user"],
        server_version_num=here["server_version_num"],
        superuser=here["superuser"],
        findings=tuple(found),
        waiting=waiting,
    )


def _server(here: asyncpg.Record) -> list[Finding]:
    found = []
    if here["server_version_num"] < OLDEST_SERVER:
        major = here["server_version_num"] // 10000
        found.append(_blocks("server_too_old", f"PostgreSQL {major} is too old", "14 or newer is needed"))
    if here["standby"]:
        found.append(_blocks("standby", "this server is a standby", "connect to the primary"))
    elif here["read_only"]:
        remedy = "allow writes for this session (default_transaction_read_only is on)"
        found.append(_blocks("read_only", "the session is read-only", remedy))
    if here["encoding"] != "UTF8":
        sql = f"CREATE DATABASE {here['quoted_database']} ENCODING 'UTF8' TEMPLATE template0;"
        found.append(
            _blocks("encoding", f"database {here['database']} is encoded in {here['encoding']}, not UTF8", "", sql)
        )
    if here["user"] in ROLES:
        found.append(
            _blocks(
                "owner_is_app_role",
                f"connected as {here['user']}: whoever applies the schema owns its tables and escapes row security",
                "connect as a separate owner",
            )
        )
    return found


def _grants(here: asyncpg.Record, pending: tuple[Version, ...]) -> list[Finding]:
    user, database = here["quoted_user"], here["quoted_database"]
    found = []
    if not here["has_public"]:
        sql = f"CREATE SCHEMA public AUTHORIZATION {user};"
        found.append(_blocks("schema_public_missing", "there is no schema public", "", sql))
    elif pending and not here["may_create_tables"]:
        sql = f"GRANT USAGE, CREATE ON SCHEMA public TO {user};"
        message = f"permission denied for schema public: {here['user']} may not create tables in it"
        found.append(_blocks("schema_create_denied", message, "", sql))
    if pending and not here["may_create_schemas"]:
        sql = f"GRANT CREATE ON DATABASE {database} TO {user};"
        message = f"permission denied for database {here['database']}: {here['user']} may not create schemas in it"
        found.append(_blocks("database_create_denied", message, "", sql))
    missing = [] if here["may_create_roles"] else list(here["missing_roles"])
    for role in missing:
        message = f"role {role} is missing and {here['user']} may not create roles"
        found.append(_blocks("role_missing", message, "", f"CREATE ROLE {role} NOLOGIN;"))
    if here["anyone_may_create"]:
        sql = "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
        message = "every role may create objects in schema public"
        found.append(Finding(Problem("schema_public_open", message, f"as a superuser: {sql}"), (sql,), False))
    return found


def _blocks(code: str, message: str, remedy: str, *sql: str) -> Finding:
    words = remedy or f"as a superuser: {' '.join(sql)}"
    return Finding(Problem(code, message, words), sql, True)


async def present(connection: asyncpg.Connection, objects: list[Created]) -> tuple[Created, ...]:
    """Those of ``objects`` that exist, sorted."""
    rows = await connection.fetch(
        question("present"), [o.kind for o in objects], [o.schema for o in objects], [o.name for o in objects]
    )
    return tuple(Created(*row) for row in rows)


async def _conflicts(
    connection: asyncpg.Connection, pending: tuple[Version, ...], applied: tuple[Applied, ...]
) -> list[Finding]:
    """Names a pending version would create and that are taken: the guide's schema, or somebody's own."""
    inside = await present(connection, [made for version in pending for made in version.creates])
    if not inside:
        return []
    relations = [o for o in inside if o.kind in {"table", "view", "materialized view", "index"}]
    first = relations or list(inside)
    tables = [o for o in first if o.kind == "table"] or first
    names = ", ".join(f"{o.schema}.{o.name}" if o.schema else o.name for o in tables[:12])
    more = f" and {len(inside) - len(tables[:12])} more objects" if len(inside) > len(tables[:12]) else ""
    why = "not made by this console" if not applied else "not recorded as applied"
    plural = "relations already exist" if len(tables) > 1 else f"{tables[0].kind} already exists"
    return [_blocks("relation_exists", f"{plural}, {why}: {names}{more}", _REMOVE)]


async def waits(connection: asyncpg.Connection, pending: tuple[Version, ...]) -> tuple[Waiting, ...]:
    """Which of ``pending`` cannot be applied yet for want of an extension, and why."""
    rows = {row["name"]: row for row in await connection.fetch(question("extensions"), list(EXTENSIONS))}
    found = []
    for version in pending:
        if version.extension is None:
            continue
        reason = _lack(version, rows[version.extension])
        if reason is not None:
            problem, sql = reason
            found.append(Waiting(version.number, version.name, version.extension, problem, sql))
    return tuple(found)


def _lack(version: Version, row: asyncpg.Record) -> tuple[Problem, tuple[str, ...]] | None:
    """Why ``version`` has to wait, or None. ``row`` is what extensions.sql says of its extension."""
    name, code, remedy = row["name"], "extension_missing", ""
    create = f"CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA public;"
    sql: tuple[str, ...] = (create,)
    if not row["installed"] and not row["available"]:
        reason = f"the server has no extension {name}"
        package = {"vector": "pgvector"}.get(name, "the contrib modules")
        remedy = f"install {package} on the server, then as a superuser: {create}"
    elif not row["installed"] and not row["permitted"]:
        reason = f"extension {name} is not created here and needs a superuser"
    elif version.loaded and not row["loaded"]:
        code, reason = "extension_not_loaded", f"the server does not preload {name}"
        sql = (f"ALTER SYSTEM SET shared_preload_libraries = '{name}';",)
        remedy = f"as a superuser: {sql[0]} (keep what is in the list already), then restart PostgreSQL"
    else:
        return None
    message = f"version {version.label} waits: {reason} ({version.what})"
    return Problem(code, message, remedy or f"as a superuser: {create}"), sql
