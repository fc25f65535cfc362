"""``search QUERY``, and ``search suite|bench|refresh``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.schema_command import database_of, on_target
from devora_console.cli.search_bench import bench
from devora_console.cli.search_knobs import Turned, knob_options
from devora_console.cli.search_suite import suite
from devora_console.cli.search_view import Looked, keys, show
from devora_console.cli.tables import number
from devora_console.cli.typed import Typed
from devora_console.config.settings import Settings
from devora_console.core.guard import Act
from devora_console.core.problems import ExitCode, Problem, usage_error
from devora_console.core.unknown import Unknown
from devora_console.search.engine import NOTHING
from devora_console.search.knobs import asked_of
from devora_console.search.model import KINDS, Asked, Filters, Isolation, Method, SearchSnapshot, SearchType
from devora_console.search.playground import Playground

_QUERY = "for"
_FLAGS = ("--json", "--quiet", "--no-color", "--read-only", "--allow-writes")


class _Search(click.Group):
    """What is none of its commands is a query."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((at for at, each in enumerate(args) if each not in _FLAGS), None)
        if args and args not in (["--help"], ["-h"]):
            if first is None or args[first] not in self.commands:
                args = [_QUERY, *args]
            else:
                args = [args[first], *args[:first], *args[first + 1 :]]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self.commands if name != _QUERY]

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] QUERY | suite ... | bench FILE | refresh")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.commands[_QUERY].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group("search", cls=_Search, no_args_is_help=True)
def command() -> None:
    """Ask one query of every method, side by side: full text, trigrams, meaning, and their fusion.

    As a user it is asked with the application's role, so that row-level security applies: what is shown is what that
    user gets. Nothing that can be typed is an error. Changes nothing.

    \b
    devora-console search "fuite mémoire" --as-user 7f3e0c52-...
    devora-console search docker-compose --as-owner --type files --explain
    devora-console search suite record suites/fr.json     before the cutover
    devora-console search suite compare suites/fr.json    after it: exit code 1 when it is worse
    devora-console search for suite --as-user 7f3e...     a query that is the name of a command
    devora-console search "fuite -cache" --as-user 7f3e...     without what holds the word cache
    """


command.add_command(suite)
command.add_command(bench)


@door_command(command, _QUERY, hidden=True, cls=Typed)
@click.argument("query", nargs=-1, required=True)
@click.option(
    "--method",
    type=click.Choice([*(each.value for each in Method), "all"]),
    default="all",
    show_default=True,
    help="Only this method.",
)
@click.option(
    "--type",
    "kinds",
    type=click.Choice([each.value for each in SearchType]),
    multiple=True,
    help="What to find; may be given again.  [default: all]",
)
@click.option("--as-user", metavar="ID", help="As this user, with the application's role.")
@click.option("--as-owner", is_flag=True, help="Past row-level security; with --as-user that user's documents only.")
@click.option("--limit", type=click.IntRange(1, 1000), help="Hits of each method.  [default: search.limit]")
@click.option("--since", type=click.DateTime(), help="Only what happened at this moment (UTC) or later.")
@click.option("--until", type=click.DateTime(), help="Only what happened before this moment (UTC).")
@click.option("--language", metavar="NAME", help="Only files in this language.")
@click.option("--explain", is_flag=True, help="Also the plan of each method, run with ANALYZE and BUFFERS.")
@click.option("--sql", "with_sql", is_flag=True, help="Also the exact statements with their parameters.")
@click.option("--exact", is_flag=True, help="Compare with every vector, and tell what the index would have found.")
@knob_options
def _query(
    door: Door,
    /,
    query: tuple[str, ...],
    method: str,
    kinds: tuple[str, ...],
    as_user: str | None,
    as_owner: bool,
    limit: int | None,
    since: datetime | None,
    until: datetime | None,
    language: str | None,
    explain: bool,
    with_sql: bool,
    exact: bool,
    **turned: Any,
) -> Answer:
    """Ask one query."""
    door.command = "search"
    settings = door.effective.settings
    if since is not None and until is not None and until <= since:
        raise usage_error("filter_dates", f"--until {until:%Y-%m-%d %H:%M} is not after --since", "Swap them")
    wanted = {each for kind in kinds or (SearchType.ALL,) for each in SearchType(kind).kinds}
    filters = Filters(tuple(kind for kind in KINDS if kind in wanted), _utc(since), _utc(until), language)
    if as_user is None and not as_owner:
        raise usage_error(
            "no_user", "it is not said as whom to search", "Give --as-user ID, or --as-owner for everybody's documents"
        )
    asked = asked_of(settings, " ".join(query), user=as_user, as_owner=as_owner, filters=filters, limit=limit)
    methods = tuple(Method) if method == "all" else (Method(method),)
    asked = replace(asked, methods=methods, knobs=replace(Turned(**turned).of(asked.knobs), exact=exact))
    looked = asyncio.run(_look(settings, asked, explain=explain, exact=exact))
    code, problems = _judged(looked.snapshot)
    return Answer(keys(looked), lambda out: show(out, looked, sql=with_sql), code, problems)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None


async def _look(settings: Settings, asked: Asked, *, explain: bool, exact: bool) -> Looked:
    meant = {Method.SEMANTIC, Method.HYBRID}.intersection(asked.methods)
    playground = await Playground.open(settings, early=bool(meant))
    try:
        snapshot = await playground.ask(asked)
        assert snapshot is not None  # nobody else asks
        plans = {}
        if explain:
            wanted = Method.HYBRID if Method.HYBRID in asked.methods else asked.methods[0]
            plans = await playground.explain(snapshot, wanted)
        near = await playground.neighbours(snapshot) if exact else None
        return Looked(snapshot, plans, near)
    finally:
        await playground.close()


def _judged(snapshot: SearchSnapshot) -> tuple[ExitCode, tuple[Problem, ...]]:
    """0 when every method could answer (with nothing, too); 1 when one could not, or a hit is somebody else's."""
    problems = []
    if isinstance(snapshot.isolation, Isolation) and not snapshot.isolation.ok:
        strangers = ", ".join(f"{kind} {name}" for kind, name in snapshot.isolation.strangers[:5])
        problems.append(Problem("not_isolated", f"hits that are not this user's: {strangers}", "Tell the developers"))
    for method, answer in snapshot.methods.items():
        found = answer.problem
        if isinstance(found, Unknown):
            problems.append(Problem(f"{method}_unknown", f"{method}: {found.reason}", found.remedy))
        elif found is not None and found.code not in NOTHING:
            problems.append(Problem(found.code, f"{method}: {found.message}", found.remedy))
    return (ExitCode.NEGATIVE if problems else ExitCode.DONE), tuple(problems)


@door_command(command, "refresh")
@click.option("--user", "whose", metavar="ID", help="Only this user's documents; the vocabulary is everybody's.")
@click.option("--deeply", is_flag=True, help="Parse the texts of files again too (another text search configuration).")
def _refresh(door: Door, whose: str | None, deeply: bool) -> Answer:
    """Make the search documents what they should be, and count the vocabulary again.

    Triggers keep the documents; this is for rows that were loaded around them. The vocabulary, which typing errors are
    corrected by, is counted by this command only.
    """
    name = database_of(door)
    door.guard.permit(Act(f"refresh the search documents of {name}", name))

    async def work(connection: object) -> tuple[dict[str, dict[str, int]], int]:
        rows = await connection.fetch(  # type: ignore[attr-defined]
            "SELECT * FROM public.devora_refresh_documents($1::uuid, $2)", whose, deeply
        )
        words = await connection.fetchval("SELECT public.devora_refresh_vocabulary()")  # type: ignore[attr-defined]
        return {row["entity_type"]: {"written": row["written"], "removed": row["removed"]} for row in rows}, words

    documents, words = on_target(door, work, read_only=False)

    def people(out: Console) -> None:
        for kind, counts in documents.items():
            said = f"{kind}: {number(counts['written'])} written, {number(counts['removed'])} removed"
            out.print(Text(said))
        out.print(Text(f"✓ the vocabulary holds {number(words)} words"))

    return Answer({"documents": documents, "words": words}, people)
