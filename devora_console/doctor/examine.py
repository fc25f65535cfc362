"""All checks at once: this machine, its tools, both servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import asyncpg

from devora_console.config.load import Effective
from devora_console.core.problems import ConsoleError, Problem
from devora_console.cutover.journal import home
from devora_console.doctor import embeddings, machine, mongo, postgres, posthog, schema
from devora_console.doctor.check import (
    NOT_CONFIGURED,
    Answer,
    Check,
    ask_all,
    check_of,
    failed,
    passed,
    unknown,
    without,
)
from devora_console.doctor.tools import find_tools, judge_tools
from devora_console.mongo.facts import answered, open_client, read_server
from devora_console.mongo.observe import NOT_CONFIGURED as NO_MONGO
from devora_console.postgres.connect import LOST, close, connect, lost
from devora_console.postgres.observe import NOT_CONFIGURED as NO_POSTGRES
from devora_console.postgres.observe import host

_STATEMENT_SECONDS = 10.0
_LOCAL_SECONDS = 5.0
# A server before 14 does not know this parameter, which every connection of ours sets.
_SINCE_14 = "client_connection_check_interval"


async def examine(
    effective: Effective, *, environ: Mapping[str, str] | None = None, ask_posthog: bool = False
) -> tuple[Check, ...]:
    """Every check, in a fixed order with fixed ids. Never raises for what it finds; takes seconds at most.

    Both servers are only read. ``environ`` is the process's own unless given. ``ask_posthog`` also
    asks PostHog's host, which is somebody else's.
    """
    variables = os.environ if environ is None else environ
    local, tools, (target, server_version_num), source, outside = await asyncio.gather(
        _machine(effective, variables),
        find_tools(variables),
        _postgres(effective),
        _mongo(effective),
        posthog.checks(effective.settings, ask=ask_posthog),
    )
    judged = await judge_tools(tools, server_version_num)
    return (*local, *judged, *target, *source, *outside)


async def _machine(effective: Effective, environ: Mapping[str, str]) -> list[Check]:
    checks = [
        *machine.configuration(effective, environ),
        *machine.runtime(),
        *machine.terminal(environ),
    ]
    try:
        # A network file system that hangs must not hang us.
        return checks + await asyncio.wait_for(asyncio.to_thread(machine.disk, environ), _LOCAL_SECONDS)
    except TimeoutError:
        late = unknown("the file system does not answer", "Look at the mounts of this machine")
        return [*checks, check_of("disk.state", "free space for the console's state", late)]


async def _postgres(effective: Effective) -> tuple[list[Check], int | None]:
    """The checks of PostgreSQL and of the schema in it, and the server's version for the client tools."""
    settings, secrets = effective.settings.postgres, effective.settings.secrets()
    questions = (*postgres.QUESTIONS, *schema.QUESTIONS, *embeddings.questions(effective.settings))
    title = "PostgreSQL can be reached"
    if settings.dsn is None and not settings.from_libpq:
        return [_absent("postgres.reachable", title, NO_POSTGRES), *without(questions, "postgres.reachable")], None
    try:
        opened = await connect(
            settings.dsn,
            purpose="doctor",
            timeout_seconds=settings.connect_timeout_seconds,
            statement_timeout_seconds=_STATEMENT_SECONDS,
        )
    except ConsoleError as error:
        answer = _too_old(error.problem) or failed(error.problem.message, error.problem.remedy)
        first = check_of("postgres.reachable", title, answer, secrets)
        return [first, *without(questions, "postgres.reachable")], None
    try:
        target = postgres.Target(
            opened, local=host(settings.dsn) == "local", runs=home.home(effective.settings.cutover.home)
        )
        where = await target.situation()
        value = f"{where['user']} at {where['database']}@{host(settings.dsn)}"
        first = check_of("postgres.reachable", title, passed(value), secrets)
        rest = await ask_all(questions, target, secrets, server="PostgreSQL")
        return [first, *rest], int(where["server_version_num"])
    except (*LOST, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
        # It let us in and broke off at the first question.
        problem = lost(error, settings.dsn).problem
        answer = failed(problem.message, problem.remedy)
        first = check_of("postgres.reachable", title, answer, secrets)
        return [first, *without(questions, "postgres.reachable")], None
    finally:
        await close(opened)


def _too_old(problem: Problem) -> Answer | None:
    if _SINCE_14 not in problem.message:
        return None
    return failed(
        f"the server is older than PostgreSQL {postgres.OLDEST}", f"Upgrade it to PostgreSQL {postgres.OLDEST} or newer"
    )


async def _mongo(effective: Effective) -> list[Check]:
    settings, secrets = effective.settings.mongo, effective.settings.secrets()
    title = "MongoDB can be reached"
    if settings.url is None:
        return [_absent("mongo.reachable", title, NO_MONGO), *without(mongo.QUESTIONS, "mongo.reachable")]
    seconds = settings.server_selection_timeout_seconds
    client = None
    try:
        client = await open_client(settings.url, purpose="doctor", timeout_seconds=seconds)
        server = await answered(settings.url, read_server(client), seconds * 2 + 1)
        subject = mongo.Source(client, settings.url, settings.database, effective.settings.migration.mapping, server)
        first = check_of("mongo.reachable", title, passed(f"{settings.database} at {settings.url}"), secrets)
        return [first, *await ask_all(mongo.QUESTIONS, subject, secrets, server="MongoDB")]
    except ConsoleError as error:
        answer = failed(error.problem.message, error.problem.remedy)
        first = check_of("mongo.reachable", title, answer, secrets)
        return [first, *without(mongo.QUESTIONS, "mongo.reachable")]
    finally:
        if client is not None:
            client.close()


def _absent(id_: str, title: str, problem: Problem) -> Check:
    return check_of(id_, title, failed(NOT_CONFIGURED, problem.remedy))
