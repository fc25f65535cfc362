"""The guide's step 1.2 made right: owner, database, group roles, extensions and grants, by a superuser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from devora_console.config.secret import Secret
from devora_console.core.problems import Problem, usage_error
from devora_console.core.safetext import one_line
from devora_console.schema.record import failed
from devora_console.schema.scram import scram_verifier
from devora_console.schema.versions import ROLES

WANTED = ("unaccent", "pg_trgm", "btree_gin", "vector", "pg_stat_statements", "pgstattuple")
"""Extensions worth having, in the order they are created. The schema works without any of them."""

Opener = Callable[[str], Awaitable[asyncpg.Connection]]
"""Opens a superuser connection to the database of that name; the caller's credentials stay the caller's."""


@dataclass(frozen=True, slots=True)
class BootstrapResult:
    """What was done just now (empty: all was there), and what could not be, each with its remedy."""

    database: str
    owner: str
    actions: tuple[str, ...]
    problems: tuple[Problem, ...]


class _Steps:
    """Runs statements and keeps what they did; names and literals are quoted by the server."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.actions: list[str] = []

    async def holds(self, condition: str, *values: str) -> bool:
        return bool(await self.connection.fetchval(f"SELECT {condition}", *values))

    async def run(self, action: str, template: str, *values: str) -> None:
        """Execute ``template`` (a format() string) with quoted ``values`` and note ``action`` as done."""
        places = ", ".join(f"${n}::text" for n in range(2, len(values) + 2))
        sql = await self.connection.fetchval(
            f"SELECT format($1::text{', ' + places if places else ''})", template, *values
        )
        await self.connection.execute(sql)
        self.actions.append(action)


async def bootstrap(
    superuser: asyncpg.Connection,
    open_database: Opener,
    *,
    database: str,
    owner: str,
    owner_password: Secret | None = None,
    app_login: str | None = None,
    app_password: Secret | None = None,
) -> BootstrapResult:
    """Create what is missing; again changes nothing but a password that is given.

    ``superuser`` may be connected to any database (usually ``postgres``), outside a transaction: CREATE DATABASE
    allows none. ``app_login`` is the application's own login, a member of app_user. ConsoleError: exit 2 when
    the connection is no superuser's or names clash, exit 1 with the server's refusal.
    """
    if owner in ROLES or app_login in (*ROLES, owner):
        raise usage_error(
            "role_clash",
            f"owner ({one_line(owner)}), application login and group roles must be different roles",
            "the application must not own the tables: an owner escapes row level security",
        )
    if not await superuser.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        raise usage_error(
            "not_superuser",
            "bootstrap needs a superuser",
            "give a superuser's connection, or let someone who has one run the SQL of the bootstrap in psql",
        )
    outer = _Steps(superuser)
    try:
        await _roles(outer, owner, owner_password, app_login, app_password)
        await _database(outer, database, owner)
        inner = _Steps(await open_database(database))
        try:
            await _grants(inner, database, owner)
            problems = await _extensions(inner)
        finally:
            await inner.connection.close()
    except asyncpg.PostgresError as error:
        raise failed("bootstrap", error) from None  # its context could hold the statement with the verifier
    return BootstrapResult(database, owner, tuple(outer.actions + inner.actions), problems)


_MEMBER = (
    "EXISTS (SELECT FROM pg_auth_members WHERE roleid = 'app_user'::regrole"
    " AND member = (SELECT oid FROM pg_roles WHERE rolname = $1))"
)


async def _roles(
    steps: _Steps, owner: str, password: Secret | None, app_login: str | None, app_password: Secret | None
) -> None:
    exists = "EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
    for login, secret in ((owner, password), (app_login, app_password)):
        if login is None:
            continue
        if not await steps.holds(exists, login):
            await steps.run(f"role {login} created", "CREATE ROLE %I LOGIN", login)
        if secret is not None:
            verifier = scram_verifier(secret).reveal()
            await steps.run(f"password of {login} set", "ALTER ROLE %I PASSWORD %L", login, verifier)
    for role in ROLES:
        if not await steps.holds(exists, role):
            await steps.run(f"role {role} created", "CREATE ROLE %I NOLOGIN", role)
    # The owner too: as a member it can show what a user of the application gets, with that role's rights.
    for login in (app_login, owner):
        if login is not None and not await steps.holds(_MEMBER, login):
            await steps.run(f"{login} made a member of app_user", "GRANT app_user TO %I", login)


async def _database(steps: _Steps, database: str, owner: str) -> None:
    if not await steps.holds("EXISTS (SELECT FROM pg_database WHERE datname = $1)", database):
        template = "CREATE DATABASE %I OWNER %I ENCODING 'UTF8' TEMPLATE template0"
        await steps.run(f"database {database} created", template, database, owner)
    elif not await steps.holds(
        "(SELECT pg_get_userbyid(datdba) = $2 FROM pg_database WHERE datname = $1)", database, owner
    ):
        await steps.run(f"database {database} given to {owner}", "ALTER DATABASE %I OWNER TO %I", database, owner)


async def _grants(steps: _Steps, database: str, owner: str) -> None:
    if await steps.holds("has_schema_privilege('public', 'public', 'CREATE')"):
        await steps.run("CREATE on schema public taken from PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    both = "has_schema_privilege($1, 'public', 'CREATE') AND has_schema_privilege($1, 'public', 'USAGE')"
    if not await steps.holds(both, owner):
        await steps.run(f"schema public granted to {owner}", "GRANT USAGE, CREATE ON SCHEMA public TO %I", owner)
    for role in ROLES:
        if not await steps.holds("has_schema_privilege($1, 'public', 'USAGE')", role):
            await steps.run(f"USAGE on schema public granted to {role}", "GRANT USAGE ON SCHEMA public TO %I", role)
        if not await steps.holds("has_database_privilege($1, $2, 'CONNECT')", role, database):
            await steps.run(f"CONNECT granted to {role}", "GRANT CONNECT ON DATABASE %I TO %I", database, role)


async def _extensions(steps: _Steps) -> tuple[Problem, ...]:
    problems = []
    for name in WANTED:
        if await steps.holds("EXISTS (SELECT FROM pg_extension WHERE extname = $1)", name):
            pass
        elif not await steps.holds("EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)", name):
            package = "pgvector" if name == "vector" else "the contrib modules"
            remedy = f"install {package} on the server and run bootstrap again; the schema goes without until then"
            problems.append(Problem("extension_unavailable", f"the server has no extension {name}", remedy))
        else:
            await steps.run(f"extension {name} created", "CREATE EXTENSION %I WITH SCHEMA public", name)
    if not await steps.holds("current_setting('pg_stat_statements.max', true) IS NOT NULL"):
        problems.append(
            Problem(
                "extension_not_loaded",
                "the server does not preload pg_stat_statements, so there are no slow queries to see",
                "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';"
                " (keep what is in the list already), then restart PostgreSQL",
            )
        )
    return tuple(problems)
