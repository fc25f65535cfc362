"""``schema bootstrap|apply|status|check|sql|rollback``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import click
from rich.console import Console
from rich.text import Text

from devora_console import schema
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.tables import plain_table
from devora_console.config.conninfo import parse
from devora_console.config.secret import Dsn, Secret
from devora_console.core.guard import Act
from devora_console.core.problems import ConsoleError, ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.postgres.connect import LOST, connect, connection, explain, other_database
from devora_console.postgres.target import Target

T = TypeVar("T")
Work = Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[T]]


@click.group("schema")
def command() -> None:
    """Create, inspect, check or take back the target schema."""


def on_target(door: Door, work: Work[T], *, read_only: bool) -> T:
    """Run ``work`` on a connection to the target, with the server's refusals in our words."""
    dsn = require_postgres(door)

    async def go() -> T:
        settings = door.effective.settings.postgres
        async with connection(
            dsn,
            purpose="schema",
            read_only=read_only,
            timeout_seconds=settings.connect_timeout_seconds,
            # A look may not hang; a change of the schema takes the time it takes.
            statement_timeout_seconds=settings.statement_timeout_seconds if read_only else 0,
        ) as conn:
            return await work(conn)

    try:
        return asyncio.run(go())
    except LOST as error:
        raise explain(error, dsn) from None
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        raise usage_error(
            "schema_missing", "the target database has no Devora schema yet", "Run: devora-console schema apply"
        ) from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise usage_error(
            "postgres_permission", f"PostgreSQL refuses: {one_line(str(error), 200)}", "Run: devora-console doctor"
        ) from None
    except asyncpg.PostgresError as error:
        raise ConsoleError.of(
            ExitCode.NEGATIVE,
            "postgres_failed",
            f"PostgreSQL: {one_line(str(error), 200)}",
            "Run: devora-console doctor",
        ) from None


def require_postgres(door: Door) -> Dsn | None:
    """The target's connection string, None when libpq's variables name the server."""
    return Target(door.effective.settings.postgres).dsn()


def database_of(door: Door) -> str:
    """The name of the target database, which is also what a person types to confirm."""
    return Target(door.effective.settings.postgres).database()


@door_command(command, "apply")
@click.option("--to", type=click.IntRange(1, schema.LATEST), help="Stop after this version.")
def _apply(door: Door, to: int | None) -> Answer:
    """Apply the pending versions; again does nothing."""
    name = database_of(door)
    door.guard.permit(Act(f"apply the schema to database {name}", name))
    until = to if to is not None else schema.LATEST
    try:
        result = on_target(door, lambda conn: schema.apply(conn, to=until, narrate=door.narrate), read_only=False)
    except ConsoleError as error:
        return _blocked(door, error)
    waits = tuple(wait.problem for wait in result.waiting)

    def people(out: Console) -> None:
        done = ", ".join(map(str, result.applied))
        out.print(Text(f"✓ applied {done}" if result.applied else f"✓ nothing to do, {len(result.already)} applied"))
        for wait in result.waiting:
            out.print(Text(f"‖ version {wait.version} {wait.name} waits for extension {wait.extension}"))

    keys = {
        "versions": sorted({*result.applied, *result.already}),
        "applied": result.applied,
        "pending": [wait.version for wait in result.waiting],
        "waiting": result.waiting,
        "drift": [],
    }
    return Answer(keys, people, problems=(*waits, *(notice.problem for notice in result.notices)))


def _blocked(door: Door, error: ConsoleError) -> Answer:
    """All obstacles at once, and one script that a superuser can run."""
    if error.exit_code is not ExitCode.NEGATIVE:
        raise error
    # It only reads; on a read-only connection it would take our caution for the database's.
    look = on_target(door, schema.preflight, read_only=False)
    problems = look.blocking or (error.problem,)
    script = [line for finding in look.findings if finding.blocking for line in finding.sql]

    def people(out: Console) -> None:
        if script:
            out.print(Text("-- For a superuser, in this database:"))
            for line in script:
                out.print(Text(line))

    keys = {"versions": [], "applied": [], "pending": [], "waiting": [], "drift": [], "sql": script}
    return Answer(keys, people, ExitCode.NEGATIVE, problems)


@door_command(command, "status")
def _status(door: Door) -> Answer:
    """Versions applied, pending and waiting; counts of tables, indexes, triggers, views and policies."""
    found = on_target(door, schema.status, read_only=True)

    def people(out: Console) -> None:
        signs = {"applied": "✓ applied", "pending": "… pending", "waiting": "‖ waiting"}
        rows = [(f"{v.version:04d}", v.name, signs.get(v.state, f"✗ {v.state}"), v.what) for v in found.versions]
        out.print(plain_table(("version", "name", "state", "what"), rows))
        out.print()
        counts = [
            (
                c.kind.replace("_", " "),
                str(c.found),
                "?" if c.expected is None else str(c.expected),
                "–" if c.guide is None else f"{c.guide}+",
                "✓ ok" if c.ok else "✗ differs",
                c.shown_by,
            )
            for c in found.counts
        ]
        out.print(plain_table(("objects", "found", "expected", "guide", "state", "psql"), counts, right=(1, 2, 3)))

    keys = {
        "versions": found.versions,
        "pending": found.pending,
        "waiting": found.waiting,
        "counts": {c.kind: c for c in found.counts},
        "drift": [],
        "server_version_num": found.server_version_num,
    }
    return Answer(keys, people, ExitCode.DONE if found.ok else ExitCode.NEGATIVE, found.problems)


@door_command(command, "check")
def _check(door: Door) -> Answer:
    """Compare the live catalogue with the one that the versions left; names every drift."""
    found = on_target(door, schema.check, read_only=True)

    def people(out: Console) -> None:
        for drift in found.drift:
            out.print(Text(f"✗ {_drift(drift)}"))
        for drift in found.undecided:
            out.print(Text(f"? {_drift(drift)}"))
        if found.verdict == "ok":
            out.print(Text(f"✓ no drift: the database is as version {found.version} left it"))

    keys = {
        "verdict": found.verdict,
        "versions": found.version,
        "pending": found.pending,
        "drift": found.drift,
        "undecided": found.undecided,
    }
    return Answer(keys, people, ExitCode.DONE if found.ok else ExitCode.NEGATIVE, found.problems)


def _drift(drift: schema.Drift) -> str:
    return one_line(f"{drift.kind} {drift.object}: expected {drift.expected}, found {drift.found}. {drift.remedy}", 400)


@door_command(command, "sql")
@click.option("--down", is_flag=True, help="The way back instead of the way up.")
def _sql(door: Door, down: bool) -> Answer:
    """The schema as SQL for psql: devora-console schema sql | psql -v ON_ERROR_STOP=1 DSN."""
    text = schema.script(down=down)
    return Answer({"sql": text}, lambda out: click.echo(text, nl=False))


@door_command(command, "rollback")
@click.option("--to", type=click.IntRange(0), default=0, show_default=True, help="The version to go back to.")
def _rollback(door: Door, to: int) -> Answer:
    """Take versions back, newest first; data in what they made is lost."""
    preview = on_target(door, lambda conn: schema.rollback_preview(conn, to), read_only=True)
    name = database_of(door)
    words = f"drop {len(preview.dropped)} objects with {preview.rows} rows from database {name}"
    door.guard.permit(Act(words, name, always_typed=preview.rows > 0))
    result = on_target(door, lambda conn: schema.rollback(conn, to, narrate=door.narrate), read_only=False)

    def people(out: Console) -> None:
        out.print(Text(f"✓ back at version {result.to}: dropped {len(result.dropped)} objects, {result.rows} rows"))

    keys = {
        "versions": result.versions,
        "to": result.to,
        "dropped": result.dropped,
        "rows": result.rows,
        "pending": [],
        "drift": [],
    }
    return Answer(keys, people, problems=result.left)


@door_command(command, "bootstrap")
@click.option("--database", help="The database to create (default: the one in POSTGRES_DSN).")
@click.option("--owner", help="The role that owns it (default: the user in POSTGRES_DSN, with its password).")
@click.option("--app-login", help="A login for the application, a member of app_user; never the owner.")
@click.option("--print", "print_only", is_flag=True, help="Only print the SQL, for someone who is a superuser.")
def _bootstrap(door: Door, database: str | None, owner: str | None, app_login: str | None, print_only: bool) -> Answer:
    """Create role, database, group roles and extensions as a superuser (guide, step 1.2)."""
    settings = door.effective.settings.postgres
    here = _wanted(settings.dsn)
    name, role = database or here.get("dbname", ""), owner or here.get("user", "")
    if not name or not role:
        raise usage_error("bootstrap_names", "which database, and who owns it?", "Give --database and --owner")
    if print_only or settings.superuser_dsn is None:
        sql = schema.bootstrap_sql(database=name, owner=role, app_login=app_login)
        if settings.superuser_dsn is None and not print_only:
            door.narrate("! postgres.superuser_dsn is not set: here is the SQL for someone who is a superuser")
        return Answer({"sql": sql, "done": False}, lambda out: click.echo(sql, nl=False))
    door.guard.permit(Act(f"create database {name}, its roles and extensions", name))
    password = Secret(here["password"]) if "password" in here and role == here.get("user") else None
    result = asyncio.run(_bootstrapped(settings.superuser_dsn, name, role, password, app_login))

    def people(out: Console) -> None:
        for action in result.actions:
            out.print(Text(f"✓ {action}"))
        if not result.actions:
            out.print(Text("✓ nothing to do, all is there"))

    return Answer(
        {"done": True, "actions": result.actions, "database": name, "owner": role}, people, problems=result.problems
    )


def _wanted(dsn: Dsn | None) -> dict[str, str]:
    return parse(dsn.reveal()) if dsn is not None else {}


async def _bootstrapped(
    superuser: Dsn, database: str, owner: str, password: Secret | None, app_login: str | None
) -> schema.BootstrapResult:
    async def opener(name: str) -> asyncpg.Connection[asyncpg.Record]:
        return await connect(other_database(superuser, name), purpose="bootstrap", read_only=False)

    async with connection(superuser, purpose="bootstrap", read_only=False, statement_timeout_seconds=0) as conn:
        return await schema.bootstrap(
            conn, opener, database=database, owner=owner, owner_password=password, app_login=app_login
        )
