"""The scratch target of a rehearsal: a database of its own beside the real one, with the schema; dropped at the end."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg

from devora_console import schema
from devora_console.config.libpq import target
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings
from devora_console.core.problems import refused, usage_error
from devora_console.core.scratch import Left
from devora_console.migration.held import carry_waivers
from devora_console.postgres.connect import LOST, connection, explain, other_database
from devora_console.postgres.names import quoted
from devora_console.postgres.scratch import REHEARSAL, Ended, drop_dead, rehearsal_comment, rehearsals_left
from devora_console.schema.bootstrap import WANTED


def name_for(run: str) -> str:
    """The scratch database's name of a run: a run has one, whoever drives it."""
    return REHEARSAL + re.sub(r"[^a-z0-9]+", "_", run.lower())


def settings_for(settings: PostgresSettings, name: str) -> PostgresSettings:
    """The settings with the scratch database instead of the real one."""
    return settings.model_copy(update={"dsn": _with_database(settings.dsn, name), "from_libpq": False})


async def make(settings: PostgresSettings, run: str, root: Path, ended: Ended) -> tuple[Left, ...]:
    """Make that of ``run``, if it is not there, owned by the configured user, with the schema applied, and what people
    have waived in the real target waived here too: the same documents come to quarantine again. Raises ConsoleError.
    Those of runs that have ended, left by consoles that were killed, are dropped first; gives the others.
    """
    name = name_for(run)
    admin = settings.superuser_dsn or settings.dsn
    owner = target(settings.dsn).user
    try:
        async with connection(admin, purpose="rehearsal", read_only=False, statement_timeout_seconds=0) as session:
            found = await drop_dead(session, await rehearsals_left(session, root, ended))
            there = await session.fetchval("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", name)
            if not there:
                await session.execute(f"CREATE DATABASE {quoted(name)} OWNER {quoted(owner)} TEMPLATE template0")
            said = await session.fetchval("SELECT quote_literal($1::text)", rehearsal_comment(run, root))
            await session.execute(f"COMMENT ON DATABASE {quoted(name)} IS {said}")
        async with connection(
            _with_database(admin, name), purpose="rehearsal", read_only=False, statement_timeout_seconds=0
        ) as session:
            for extension in await _available(session):
                await session.execute(f"CREATE EXTENSION IF NOT EXISTS {quoted(extension)}")
        async with connection(
            _with_database(settings.dsn, name), purpose="rehearsal", read_only=False, statement_timeout_seconds=0
        ) as session:
            await schema.apply(session)
            async with connection(settings.dsn, purpose="rehearsal", read_only=True) as real:
                await carry_waivers(real, session)
        return tuple(each for each in found if each.name != name)
    except asyncpg.InsufficientPrivilegeError as error:
        raise refused(
            "no_scratch",
            f"the scratch database {name} cannot be made: {error}",
            "Set postgres.superuser_dsn, or ALTER ROLE ... CREATEDB",
        ) from None
    except (*LOST, asyncpg.PostgresError) as error:
        raise explain(error, admin) from None


async def _available(session: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    rows = await session.fetch("SELECT name FROM pg_catalog.pg_available_extensions WHERE name = ANY($1)", list(WANTED))
    return [row["name"] for row in rows]


async def drop(settings: PostgresSettings, name: str) -> None:
    """Drop it. Raises ConsoleError; a name that is not a scratch database's is never dropped."""
    if not name.startswith(REHEARSAL):
        raise ValueError(f"{name} is not a scratch database")
    admin = settings.superuser_dsn or settings.dsn
    try:
        async with connection(admin, purpose="rehearsal", read_only=False) as session:
            await session.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
    except (*LOST, asyncpg.PostgresError) as error:
        raise explain(error, admin) from None


def _with_database(dsn: Dsn | None, name: str) -> Dsn:
    """The connection string with another database."""
    if dsn is None:
        raise usage_error("no_scratch", "a rehearsal needs postgres.dsn: libpq's variables are not enough", "Set it")
    return other_database(dsn, name)
