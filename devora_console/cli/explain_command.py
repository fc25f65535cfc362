"""``explain``: the plan of a statement."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.visiting import as_guest
from devora_console.core.problems import ExitCode, Problem, usage_error
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Missing, Plan, explain, find_text
from devora_console.postgres.watch.guest import Guest
from devora_console.tui.render.look import Look
from devora_console.tui.render.plan import plan_lines

_group = click.Group("root")
_MOST_BYTES = 5_000_000
_NO_TTY_WIDTH = 120


@door_command(_group, "explain")
@click.argument("standard_input", metavar="[-]", required=False, type=click.Choice(["-"]))
@click.option("--queryid", type=click.IntRange(-(2**63), 2**63 - 1), metavar="Q", help="Of pg_stat_statements.")
@click.option("--sql-file", type=click.Path(path_type=Path), metavar="FILE", help="A file with the statement.")
@click.option("--sql", metavar="TEXT", help="The statement itself.")
@click.option(
    "--analyze",
    is_flag=True,
    help="RUN the statement, for true times and rows: it costs what the statement costs. Only a single query that "
    "reads, in a read-only transaction that is rolled back.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.001, 86_400),
    metavar="S",
    help="End it after so long. Default: 5, with --analyze 30.",
)
@click.option(
    "--search-path",
    metavar="PATH",
    help="Schemas the statement was written for: 'app, public'. Default: what the server sets for its role.",
)
def command(
    door: Door,
    standard_input: str | None,
    queryid: int | None,
    sql_file: Path | None,
    sql: str | None,
    analyze: bool,
    seconds: float | None,
    search_path: str | None,
) -> Answer:
    """The plan of one statement as a tree, the node that takes most marked and explained.

    The statement is given by one of --queryid, --sql-file, --sql and - (standard input). Without --analyze nothing is
    run, and parameters ($1) are planned without values.
    """
    given = _given(standard_input, queryid, sql_file, sql)

    async def work(guest: Guest) -> tuple[str, Plan | Unknown]:
        text, author = given, None
        if text is None:
            assert queryid is not None
            found = await find_text(guest, queryid)
            if isinstance(found, Unknown):
                return "", found
            if isinstance(found, Missing):
                raise _missing(queryid, found)
            text, author = found.text, found.author
        limits = door.effective.settings.plans
        plan = await explain(
            guest, text, analyze=analyze, seconds=seconds, search_path=search_path, author=author, limits=limits
        )
        return text, plan

    text, plan = as_guest(door, "explain", work)
    if isinstance(plan, Unknown):
        keys: dict[str, object] = {"plan": plan, "hot_node": None, "notes": [], "text": text}
        problem = Problem("no_plan", f"No plan: {plan.reason}", plan.remedy)
        return Answer(keys, lambda out: None, ExitCode.NEGATIVE, (problem,))
    return Answer(
        {"plan": plan, "hot_node": plan.hot_node, "notes": plan.notes, "text": text},
        lambda out: _show(out, plan, door.effective.settings.terminal.unicode),
    )


def _show(out: Console, plan: Plan, unicode: str) -> None:
    ascii_only = unicode == "never" or (out.encoding or "").lower().replace("-", "") != "utf8"
    width = out.width if out.is_terminal else _NO_TTY_WIDTH
    out.print(plan_lines(plan, Look(unicode=not ascii_only), width), soft_wrap=True)


def _given(standard_input: str | None, queryid: int | None, sql_file: Path | None, sql: str | None) -> str | None:
    """The text, or None when it is to be looked up by queryid. Raises ConsoleError (exit 2)."""
    if sum(each is not None for each in (standard_input, queryid, sql_file, sql)) != 1:
        raise usage_error("explain_what", "Give the statement by one of --queryid, --sql-file, --sql and -")
    if sql is not None:
        return _text(sql.encode(errors="surrogateescape"), "--sql")
    if standard_input is not None:
        return _text(sys.stdin.buffer.read(_MOST_BYTES + 1), "standard input")
    if sql_file is None:
        return None
    try:
        with sql_file.open("rb") as file:
            return _text(file.read(_MOST_BYTES + 1), str(sql_file))
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise usage_error("explain_file", f"{one_line(str(sql_file))} cannot be read: {said}") from None


def _text(data: bytes, where: str) -> str:
    name = one_line(where)
    if len(data) > _MOST_BYTES:
        raise usage_error("explain_long", f"{name} holds more than {_MOST_BYTES // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise usage_error("explain_encoding", f"{name} is not UTF-8 text") from None


def _missing(queryid: int, missing: Missing) -> Exception:
    words = f"pg_stat_statements has no statement {queryid} of this database"
    if missing.databases:
        names = ", ".join(one_line(name, 63) for name in missing.databases[:5])
        return usage_error("explain_queryid", f"{words}, but one of {names}", "Connect to that database")
    if missing.hidden:
        return usage_error(
            "explain_queryid",
            f"{words} that this user may see",
            "GRANT pg_read_all_stats to this user, as a superuser, to see those of other roles",
        )
    return usage_error("explain_queryid", f"{words}; it may have been evicted or reset", "See: devora-console queries")
