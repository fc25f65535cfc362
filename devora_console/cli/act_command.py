"""``act vacuum|analyze|reindex|drop-index|autovacuum|cancel|terminate|log``: changes of a server, one flow for all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.act_view import print_logged, print_preview, print_result, problem_of
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.guard import Act
from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.postgres.acts.log import ActLog
from devora_console.postgres.acts.model import Kind, Outcome, Plan, Request, Result
from devora_console.postgres.acts.perform import perform
from devora_console.postgres.acts.prepare import prepare
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest
from devora_console.services.words import own_words

_CODES = {
    Outcome.DONE: ExitCode.DONE,
    Outcome.UNVERIFIED: ExitCode.NEGATIVE,
    Outcome.FAILED: ExitCode.NEGATIVE,
    Outcome.STOPPED: ExitCode.STOPPED,
    Outcome.UNKNOWN: ExitCode.STOPPED,
    Outcome.INTERRUPTED: ExitCode.INTERRUPTED,
}
_NOT_ALLOWED = "42501"


@click.group("act")
def command() -> None:
    """Change the server: each act is previewed, confirmed with --yes-i-typed NAME, logged and verified.

    Without the name the preview is shown, and nothing is done (exit 4); with --preview too (exit 0).
    """


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every act."""
    function = click.option("--preview", "only_preview", is_flag=True, help="Say what would happen, and end.")(function)
    return click.option(
        "--lock-timeout",
        type=click.FloatRange(0.001, 86_400),
        metavar="SECONDS",
        help="How long to wait for locks and for older transactions (activity.act_lock_timeout_seconds).",
    )(function)


def _target(function: Callable[..., Any]) -> Callable[..., Any]:
    """A table by name, or the whole database."""
    function = click.option("--database", "whole", is_flag=True, help="The whole database.")(function)
    return click.argument("name", required=False, default="")(function)


@door_command(command, "vacuum")
@_target
@click.option("--full", is_flag=True, help="Write the table anew: nobody can read or write it meanwhile.")
@click.option("--analyze", is_flag=True, help="Take new statistics as well.")
@_common
def _vacuum(
    door: Door, name: str, whole: bool, full: bool, analyze: bool, only_preview: bool, lock_timeout: float | None
) -> Answer | int:
    """Make the space of dead rows in a table usable again."""
    return _act(door, Request(Kind.VACUUM, _one(name, whole), full, analyze), only_preview, lock_timeout)


@door_command(command, "analyze")
@_target
@_common
def _analyze(door: Door, name: str, whole: bool, only_preview: bool, lock_timeout: float | None) -> Answer | int:
    """Give the planner fresh statistics of a table."""
    return _act(door, Request(Kind.ANALYZE, _one(name, whole)), only_preview, lock_timeout)


@door_command(command, "reindex")
@_target
@_common
def _reindex(door: Door, name: str, whole: bool, only_preview: bool, lock_timeout: float | None) -> Answer | int:
    """Build an index, or all of a table, anew beside the old one (CONCURRENTLY)."""
    return _act(door, Request(Kind.REINDEX, _one(name, whole)), only_preview, lock_timeout)


@door_command(command, "drop-index")
@click.argument("name")
@_common
def _drop_index(door: Door, name: str, only_preview: bool, lock_timeout: float | None) -> Answer | int:
    """Drop an index while reads and writes go on (CONCURRENTLY)."""
    return _act(door, Request(Kind.DROP_INDEX, name), only_preview, lock_timeout)


@door_command(command, "autovacuum")
@click.argument("name")
@click.option("--scale-factor", type=float, metavar="X", help="autovacuum_vacuum_scale_factor: 0.05 is 5 %.")
@click.option("--threshold", type=click.IntRange(0), metavar="N", help="autovacuum_vacuum_threshold, in rows.")
@click.option("--analyze-scale-factor", type=float, metavar="X", help="autovacuum_analyze_scale_factor.")
@click.option("--analyze-threshold", type=click.IntRange(0), metavar="N", help="autovacuum_analyze_threshold, in rows.")
@click.option("--reset", is_flag=True, help="Take the table's own values back: the server's count again.")
@_common
def _autovacuum(
    door: Door, name: str, reset: bool, only_preview: bool, lock_timeout: float | None, **values: float | None
) -> Answer | int:
    """Set after how many changed rows autovacuum sees to a table."""
    names = {
        "scale_factor": "autovacuum_vacuum_scale_factor",
        "threshold": "autovacuum_vacuum_threshold",
        "analyze_scale_factor": "autovacuum_analyze_scale_factor",
        "analyze_threshold": "autovacuum_analyze_threshold",
    }
    options = {names[key]: float(value) for key, value in values.items() if value is not None}
    request = Request(Kind.AUTOVACUUM, name, options=options, reset=reset)
    return _act(door, request, only_preview, lock_timeout)


def _signal(kind: Kind, words: str) -> None:
    @door_command(command, str(kind), help=words)
    @click.argument("pid")
    @click.option("--started", metavar="MOMENT", help="Only the session that began at this moment (ISO 8601).")
    @click.option("--preview", "only_preview", is_flag=True, help="Say what would happen, and end.")
    @_statement(kind)
    def _run(
        door: Door, pid: str, started: str | None, only_preview: bool, statement: str | None = None
    ) -> Answer | int:
        began, run = _moment(started, "--started"), _moment(statement, "--statement")
        return _act(door, Request(kind, pid, started=began, statement=run), only_preview, None)


def _statement(kind: Kind) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A session runs one statement after the other: a cancel can be tied to the one that was seen."""
    if kind is not Kind.CANCEL:
        return lambda function: function
    return click.option(
        "--statement", metavar="MOMENT", help="Only the statement that began at this moment (ISO 8601)."
    )


_signal(Kind.CANCEL, "End the statement of a session; the session stays.")
_signal(Kind.TERMINATE, "End a session; its transaction is rolled back.")


@door_command(command, "log")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The last so many.")
def _log(door: Door, limit: int) -> Answer:
    """Every statement that acts on this machine ran, and what came of it."""
    log = ActLog()
    entries, broken = log.read(limit)
    problems = (Problem("log_lines", f"{broken} lines of {log.path} cannot be read"),) if broken else ()

    def people(out: Console) -> None:
        for each in entries:
            print_logged(out, each)
        if not entries:
            out.print(Text("No act has been run from here yet."))

    return Answer({"log": entries, "path": log.path}, people, problems=problems)


def _act(door: Door, request: Request, only_preview: bool, lock_timeout: float | None) -> Answer | int:
    """Prepare, ask the guard, perform; the preview is shown in any case."""
    try:
        plan, result, refusal = asyncio.run(_go(door, request, only_preview, lock_timeout))
    except ConsoleError as error:
        return door.fail(error, {"preview": None, "result": None})

    def people(out: Console) -> None:
        print_preview(out, plan, done=result is not None)
        if result is not None:
            print_result(out, plan, result)

    problems: tuple[Problem, ...] = () if refusal is None else (refusal.problem,)
    code = ExitCode.DONE if refusal is None else refusal.exit_code
    if result is not None:
        code = ExitCode.REFUSED if result.sqlstate == _NOT_ALLOWED else _CODES[result.outcome]
        problems = problem_of(plan, result)
    keys = {"preview": plan.preview, "undo": plan.undo, "result": result}
    return Answer(keys, people, code, problems)


async def _go(
    door: Door, request: Request, only_preview: bool, lock_timeout: float | None
) -> tuple[Plan, Result | None, ConsoleError | None]:
    settings = door.effective.settings
    dsn = Target(settings.postgres).dsn()
    guest = await Guest.enter(dsn, purpose="act", timeout_seconds=settings.postgres.connect_timeout_seconds)
    try:
        plan = await prepare(guest, request, settings.activity, lock_timeout, own_words(door.effective))
        if only_preview:
            return plan, None, None
        try:
            door.guard.permit(Act(_verb(plan.preview.title), plan.preview.type_name, always_typed=True))
        except ConsoleError as error:
            return plan, None, error
        door.narrate(f"{plan.statement};")
        return plan, await perform(guest, plan, dsn, ActLog(), door.narrate), None
    finally:
        await guest.leave()


def _verb(title: str) -> str:
    """A title in the middle of a sentence; words of SQL keep their capitals."""
    return title if title[:2].isupper() else title[0].lower() + title[1:]


def _one(name: str, whole: bool) -> str:
    if bool(name) == whole:
        raise usage_error("name", "give one NAME, or --database for all", "See: devora-console act --help")
    return name


def _moment(written: str | None, option: str) -> datetime | None:
    if written is None:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise usage_error("moment", f"{option} is not a moment", "Write it as the preview does") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
