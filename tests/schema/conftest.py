"""An owner that is no superuser, and databases that belong to it: empty, or with the whole schema applied.

=================  ========  ==================================================================
fixture            scope     is
=================  ========  ==================================================================
``owner_role``     session   the name of the owner; the group roles exist, too
``bare``           function  an empty database of the owner's, without any extension
``applied``        function  a database with every version, applied by the owner
``person``         function  makes a user with a project, a conversation, a message and so on
``psql``           session   runs SQL through psql as a role: (exit code, stdout, stderr)
=================  ========  ==================================================================
"""

from __future__ import annotations

import os
import secrets
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.loop import ServiceLoop
from devora_console.demo.servers import Endpoints
from devora_console.schema import apply
from devora_console.schema.versions import ROLES

TemplateDatabase = Callable[[str, Callable[[Dsn], Awaitable[None]]], Awaitable[str]]
DatabaseFrom = Callable[[str], Awaitable[Dsn]]


@dataclass
class Database:
    """A database and connections to it, closed at the end of the test."""

    dsn: Dsn
    owner: str
    opened: list[asyncpg.Connection] = field(default_factory=list)

    async def connect(self, role: str | None = None, *, as_session: bool = True) -> asyncpg.Connection:
        """A connection as ``role`` (the superuser without one), for all the server can tell."""
        connection = await asyncpg.connect(self.dsn.reveal())
        self.opened.append(connection)
        if role is not None:
            verb = "SESSION AUTHORIZATION" if as_session else "ROLE"
            await connection.execute(f'SET {verb} "{role}"')
        return connection

    async def as_owner(self) -> asyncpg.Connection:
        """A connection as the owner."""
        return await self.connect(self.owner)

    async def close(self) -> None:
        """Close every connection."""
        for connection in self.opened:
            await connection.close()


async def _drop_owner(admin: Dsn, name: str) -> None:
    """Drop the role, and before it the template databases that still hold objects of it."""
    connection = await asyncpg.connect(admin.reveal())
    held = await connection.fetch(
        "SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid"
        " JOIN pg_roles r ON r.oid = s.refobjid WHERE r.rolname = $1",
        name,
    )
    for row in held:
        await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')
    await connection.execute(f'DROP ROLE "{name}"')
    await connection.close()


@pytest.fixture(scope="session")
def owner_role(postgres_admin: Dsn) -> Iterator[str]:
    """The owner's name: no superuser, no CREATEROLE."""
    name = f"devora_owner_{secrets.token_hex(3)}"
    loop = ServiceLoop("test-owner")
    loop.call(_execute(postgres_admin, f'CREATE ROLE "{name}" LOGIN'))
    for role in ROLES:
        loop.call(
            _execute(
                postgres_admin,
                f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            )
        )
    yield name
    loop.call(_drop_owner(postgres_admin, name))
    loop.close()


@pytest.fixture
async def bare(owner_role: str, empty_database: Dsn) -> AsyncIterator[Database]:
    """An empty database that belongs to the owner."""
    await _hand_over(empty_database, owner_role)
    database = Database(empty_database, owner_role)
    yield database
    await database.close()


@pytest.fixture
async def applied(
    owner_role: str, template_database: TemplateDatabase, database_from: DatabaseFrom
) -> AsyncIterator[Database]:
    """A database with every version applied, vectors and slow queries too."""

    async def prepare(dsn: Dsn) -> None:
        await _hand_over(dsn, owner_role)
        database = Database(dsn, owner_role)
        superuser = await database.connect()
        await superuser.execute("CREATE EXTENSION vector; CREATE EXTENSION pg_stat_statements")
        await apply(await database.as_owner())
        await database.close()

    dsn = await database_from(await template_database("schema_by_owner", prepare))
    await _hand_over(dsn, owner_role)
    database = Database(dsn, owner_role)
    yield database
    await database.close()


@dataclass(frozen=True)
class Person:
    """The ids of one user's rows."""

    user: uuid.UUID
    project: uuid.UUID
    conversation: uuid.UUID


MakePerson = Callable[[asyncpg.Connection, str], Awaitable[Person]]


@pytest.fixture
def person() -> MakePerson:
    """Makes one user with a row in every table of users, with the rights of the connection it is given."""

    async def make(connection: asyncpg.Connection, name: str) -> Person:
        user, project, conversation = (uuid.uuid4() for _ in range(3))
        await connection.execute(
            "INSERT INTO users (id, email, hashed_password, full_name) VALUES ($1, $2, 'x', $3)",
            user,
            f"{name}@example.org",
            name,
        )
        await connection.execute("INSERT INTO user_settings (user_id) VALUES ($1)", user)
        await connection.execute(
            "INSERT INTO projects (id, user_id, name, conversation_id) VALUES ($1, $2, $3, $4)",
            project,
            user,
            f"projet de {name}",
            conversation,
        )
        await connection.execute(
            "INSERT INTO project_files (project_id, name, content) VALUES ($1, 'app.py', 'pass')", project
        )
        await connection.execute(
            "INSERT INTO conversations (id, user_id, project_id, title) VALUES ($1, $2, $3, $4)",
            conversation,
            user,
            project,
            f"conversation de {name}",
        )
        await connection.execute(
            "INSERT INTO messages (conversation_id, role, content) VALUES ($1, 'user', $2)",
            conversation,
            f"bonjour de {name}",
        )
        await connection.execute(
            "INSERT INTO invoices (user_id, stripe_invoice_id, amount, status) VALUES ($1, $2, 9.90, 'paid')",
            user,
            f"in_{name}",
        )
        await connection.execute("INSERT INTO analytics_events (user_id, event_name) VALUES ($1, 'seen')", user)
        await connection.execute(
            "INSERT INTO search_queries (user_id, query_text, search_type) VALUES ($1, 'panier', 'projects')", user
        )
        await connection.execute(
            "INSERT INTO embeddings (user_id, entity_type, entity_id, text_content) VALUES ($1, 'project', $2, 'x')",
            user,
            project,
        )
        return Person(user, project, conversation)

    return make


async def count(connection: asyncpg.Connection, table: str) -> int:
    """Rows of ``table`` that this connection sees."""
    sql = await connection.fetchval("SELECT format('SELECT count(*) FROM %I', $1::text)", table)
    number: int = await connection.fetchval(sql)
    return number


Psql = Callable[[Dsn, str, str], tuple[int, str, str]]


@pytest.fixture(scope="session")
def psql(servers: Endpoints) -> Psql:
    """Runs ``psql(dsn, role, sql)`` as people would, reading the SQL from standard input."""

    def run(dsn: Dsn, role: str, sql: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [servers.postgres_bin / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", "-", dsn.reveal()],
            input=sql,
            text=True,
            capture_output=True,
            check=False,
            env=os.environ | {"PGOPTIONS": f"-c role={role}"},
        )
        return done.returncode, done.stdout, done.stderr

    return run


def move(programs: Path, source: Dsn, target: Dsn) -> None:
    """Dump one database with pg_dump and restore it into another."""
    dump: list[str] = [str(programs / "pg_dump"), "--format=custom", source.reveal()]
    restore: list[str] = [str(programs / "pg_restore"), "--exit-on-error", "--dbname", target.reveal()]
    made = subprocess.run(dump, capture_output=True, check=True)
    subprocess.run(restore, input=made.stdout, check=True, capture_output=True)


async def _hand_over(dsn: Dsn, owner: str) -> None:
    """Give the database and its schema public to ``owner``, as bootstrap does."""
    await _execute(
        dsn,
        f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), '{owner}'); END $$;"
        f'GRANT USAGE, CREATE ON SCHEMA public TO "{owner}"; REVOKE CREATE ON SCHEMA public FROM PUBLIC',
    )


async def _execute(dsn: Dsn, sql: str) -> None:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
