"""Questions to the target: who we are there, what we may do, what it has."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import asyncpg

from devora_console.backup.postgres_scratch import left
from devora_console.cutover.opening import has_ended
from devora_console.doctor.check import Answer, Question, failed, passed, warned
from devora_console.doctor.clock import compare_clocks
from devora_console.doctor.scratch import scratch_answer
from devora_console.doctor.server_disk import free_space_of
from devora_console.postgres.facts import PostgresFacts, read_facts
from devora_console.postgres.scratch import rehearsals_left
from devora_console.postgres.sqlfiles import sql
from devora_console.schema import Preflight, Status, preflight, status, versions

_HERE = "devora_console.postgres"
T = TypeVar("T")

OLDEST, NEWEST = 14, 18
ROLES: tuple[str, ...] = tuple(role for version in versions() for role in version.roles)
EXTENSIONS = {
    "pg_trgm": "searches with typing errors",
    "unaccent": "searches without accents",
    "btree_gin": "indexes over several columns",
    "vector": "semantic search",
    "pg_stat_statements": "slow queries",
    "pgstattuple": "measured bloat",
}


@dataclass
class Target:
    """One connection, asked one question at a time; answers that several questions need are kept."""

    connection: asyncpg.Connection[asyncpg.Record]
    local: bool  # through a Unix socket: the server's files are on this machine
    runs: Path | None = None  # the folder of the cutover's runs
    _kept: dict[str, Any] = field(default_factory=dict)

    async def _keep(self, name: str, ask: Callable[[], Awaitable[T]]) -> T:
        if name not in self._kept:
            self._kept[name] = await ask()
        return cast(T, self._kept[name])

    async def row(self, name: str, *values: object) -> asyncpg.Record:
        """The one row that ``name``.sql answers with."""

        async def ask() -> asyncpg.Record:
            row = await self.connection.fetchrow(sql(_HERE, name), *values)
            if row is None:
                raise RuntimeError(f"{name} has no row")
            return row

        return await self._keep(name, ask)

    async def situation(self) -> asyncpg.Record:
        """Who we are and what we may do."""
        return await self.row("doctor_situation", list(ROLES))

    async def facts(self) -> PostgresFacts:
        """What the observer sees."""
        return await self._keep("facts", partial(read_facts, self.connection))

    async def preflight(self) -> Preflight:
        """What stands in the way of applying the schema."""
        return await self._keep("preflight", partial(preflight, self.connection))

    async def status(self) -> Status:
        """Which versions of the schema are applied."""
        return await self._keep("status", partial(status, self.connection))


async def _version(target: Target) -> Answer:
    here = await target.situation()
    major, value = here["server_version_num"] // 10000, str(here["version"])
    if major < OLDEST:
        return failed(value, f"PostgreSQL {OLDEST} or newer is needed: upgrade the server")
    if major > NEWEST:
        return warned(value, f"This console knows PostgreSQL {OLDEST} to {NEWEST}: use a newer console")
    return passed(value)


async def _primary(target: Target) -> Answer:
    here = await target.situation()
    return failed("a standby: it takes no writes", "Connect to the primary") if here["standby"] else passed("primary")


async def _role(target: Target) -> Answer:
    here = await target.situation()
    user = here["user"]
    if here["is_group_role"]:
        remedy = "Connect as a separate owner: whoever applies the schema owns its tables and escapes row security"
        return failed(f"{user} is a group role of the application", remedy)
    if here["superuser"]:
        remedy = "Connect as the database's owner; a superuser belongs into postgres.superuser_dsn, for bootstrap only"
        return warned(f"{user}, a superuser: nothing protects the server from a mistake", remedy)
    return passed(f"{user}, no superuser")


async def _owner(target: Target) -> Answer:
    here = await target.situation()
    owners = list(here["table_owners"])
    if not owners:
        return passed(f"no tables yet; {here['user']} will own them")
    whose = f"the tables belong to {', '.join(owners)}"
    if here["owns_tables"]:
        return passed(whose)
    grants = " ".join(f"GRANT {owner} TO {here['quoted_user']};" for owner in owners)
    return failed(
        f"{whose}, and {here['user']} is no member of every one", f"Connect as the owner, or as a superuser: {grants}"
    )


_CREATE = frozenset({"schema_create_denied", "database_create_denied", "schema_public_missing"})


async def _create(target: Target) -> Answer:
    found = [each for each in (await target.preflight()).findings if each.problem.code in _CREATE]
    if found:
        statements = " ".join(statement for each in found for statement in each.sql)
        return failed(
            "; ".join(each.problem.message for each in found), f"As a superuser, in this database: {statements}"
        )
    here = await target.situation()
    if (await target.status()).pending:
        return passed(f"{here['user']} may create tables in schema public and schemas in {here['database']}")
    return passed("nothing is left to create")


async def _public(target: Target) -> Answer:
    for finding in (await target.preflight()).findings:
        if finding.problem.code == "schema_public_open":
            return warned(finding.problem.message, f"As a superuser, in this database: {' '.join(finding.sql)}")
    return passed("not every role may create objects in schema public")


async def _roles(target: Target) -> Answer:
    here = await target.situation()
    missing = list(here["missing_roles"])
    if not missing:
        return passed(f"{', '.join(ROLES)} exist")
    value = f"missing: {', '.join(missing)}"
    create = " ".join(f"CREATE ROLE {role} NOLOGIN;" for role in missing)
    if here["may_create_roles"]:
        return warned(value, f"devora-console schema apply creates them, or: {create}")
    return failed(f"{value}; {here['user']} may not create roles", f"As a superuser: {create}")


async def _temporary(target: Target) -> Answer:
    here = await target.situation()
    if here["may_create_temporary"]:
        return passed(f"{here['user']} may create temporary tables")
    grant = f"GRANT TEMPORARY ON DATABASE {here['quoted_database']} TO {here['quoted_user']};"
    return failed(f"{here['user']} may not create temporary tables in {here['database']}", f"As a superuser: {grant}")


async def _encoding(target: Target) -> Answer:
    here = await target.situation()
    if here["encoding"] == "UTF8":
        return passed("UTF8")
    create = f"CREATE DATABASE {here['quoted_database']} ENCODING 'UTF8' TEMPLATE template0;"
    return failed(f"{here['encoding']}: it cannot hold every text", f"Drop the database if it is empty, then: {create}")


async def _extension(name: str, target: Target) -> Answer:
    rows = await target.connection.fetch(sql(_HERE, "doctor_extensions"), [name])
    row, what = rows[0], EXTENSIONS[name]
    if row["installed"]:
        return passed(f"{row['installed']} ({what})")
    create = f"CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA public;"
    if row["available"] is None:
        package = {"vector": "pgvector"}.get(name, "PostgreSQL's contrib modules (package postgresql-contrib)")
        return warned(
            f"the server does not have it: no {what}", f"Install {package} on the server, then as a superuser: {create}"
        )
    here = await target.situation()
    who = f"as {here['user']}" if row["permitted"] else "as a superuser"
    return warned(f"{row['available']} is available, not created: no {what}", f"In this database, {who}: {create}")


async def _statements(target: Target) -> Answer:
    row = await target.row("doctor_statements")
    if row["loaded"]:
        return passed(f"loaded at start, track = {row['track'] or 'hidden from this user'}")
    here = await target.situation()
    setting = here["preloaded"]
    if here["superuser"]:
        in_file = await target.connection.fetchval(sql(_HERE, "doctor_preload_file"))
        if in_file and "pg_stat_statements" in in_file:
            return warned(
                "configured, but the server has not been restarted since",
                "Restart PostgreSQL (systemctl restart postgresql)",
            )
        setting = in_file or setting
    # Each library is a literal of its own: in one literal the commas would become part of a single name.
    libraries = [name.strip().strip('"') for name in (setting or "").split(",") if name.strip()]
    listed = ", ".join(f"'{name}'" for name in [*libraries, "pg_stat_statements"])
    hidden = "" if setting is not None else " (keep what is in the list already)"
    return warned(
        "the server does not load it at start, so no slow queries are collected",
        f"As a superuser: ALTER SYSTEM SET shared_preload_libraries = {listed};{hidden} then restart PostgreSQL; "
        "after that: ALTER SYSTEM SET pg_stat_statements.track = 'all'; SELECT pg_reload_conf();",
    )


async def _disk(target: Target) -> Answer:
    here = await target.situation()
    return await free_space_of(here["data_directory"], here["started_at"], local=target.local)


async def _scratch(target: Target) -> Answer:
    runs = target.runs
    rehearsals = await rehearsals_left(target.connection, runs, partial(has_ended, runs)) if runs else ()
    return scratch_answer((*await left(target.connection), *rehearsals))


async def _clock(target: Target) -> Answer:
    return await compare_clocks(lambda: target.connection.fetchval(sql(_HERE, "doctor_clock")))


QUESTIONS: tuple[Question[Target], ...] = (
    Question("postgres.version", "PostgreSQL version", _version),
    Question("postgres.primary", "takes writes", _primary),
    Question("postgres.role", "role", _role),
    Question("postgres.owner", "owner of the tables", _owner),
    Question("postgres.create", "may create the schema", _create),
    Question("postgres.public", "schema public is closed", _public),
    Question("postgres.temporary", "may create temporary tables", _temporary),
    Question("postgres.roles", "group roles", _roles),
    Question("postgres.encoding", "encoding", _encoding),
    *(Question(f"postgres.extension.{name}", f"extension {name}", partial(_extension, name)) for name in EXTENSIONS),
    Question("postgres.statements", "statement statistics", _statements),
    Question("postgres.disk", "free space of the server", _disk),
    Question("postgres.scratch", "scratch databases", _scratch, 10.0),
    Question("postgres.clock", "clock of PostgreSQL", _clock),
)
