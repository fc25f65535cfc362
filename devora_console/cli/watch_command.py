"""``watch``: the first day after the switch, against the values before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import click

from devora_console.analytics.aftermath.keeping import Shelf
from devora_console.analytics.aftermath.model import FIGURES, WatchSnapshot
from devora_console.analytics.aftermath.watching import Watch, given_values, record
from devora_console.analytics.aftermath.words import before_words
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.visiting import as_guest
from devora_console.cli.watch_going import go_on
from devora_console.cli.watch_view import print_watch
from devora_console.core.console import Verdict
from devora_console.core.problems import ExitCode, Problem, usage_error
from devora_console.core.unknown import Unknown

_group = click.Group("root")


@door_command(_group, "watch", cls=click.Group, invoke_without_command=True)
@click.option(
    "--hours", type=click.FloatRange(0.001, 720), help="How long, from the switch on.  [default: watch.hours]"
)
@click.option("--once", is_flag=True, help="One look now. It is kept when a watch is going on.")
@click.option("--baseline", metavar="FILE|ID", help="The values before.  [default: the newest of this database]")
@click.option("--since", metavar="TIME", help="When the switch was (2024-12-09T14:00Z); begins a new watch.")
@click.option("--again", is_flag=True, help="Begin a new watch, also where one is going on.")
@click.option("--why", is_flag=True, help="Tell for every line how its verdict was reached.")
def command(
    door: Door, /, hours: float | None, once: bool, baseline: str | None, since: str | None, again: bool, why: bool
) -> Answer:
    """Watch what the guide says to watch for the first day after the switch, against the values before.

    Slow queries, table sizes, cache hit ratio, active users, error rate, search and RAG retrieval times: a verdict for
    each, with its reason and what to do. Looks are kept, so that a watch that was ended or killed goes on where it is
    run again. Changes nothing.

    Exit code 1 when a line fails at the end, 5 when the watch was ended early.
    """
    if once and (hours is not None or since or again):
        raise usage_error(
            "usage", "--once is one look: --hours, --since and --again are of a watch", "Leave --once out to begin one"
        )
    settings = door.effective.settings
    shelf = Shelf.of(settings)
    watch = Watch.open(
        settings, shelf, hours=hours, baseline=baseline, since=_moment(since), again=again, begin=not once
    )
    if once:
        seen = as_guest(door, "watch", watch.look)
        failing = any(line.verdict is Verdict.FAIL for line in seen.lines)
        return _answer(seen, ExitCode.NEGATIVE if failing else ExitCode.DONE, (), why=why)
    with watch.holding():
        return _answer(*asyncio.run(go_on(door, watch)), why=why)


@door_command(command, "record")  # type: ignore[arg-type]  # a group, as cls says
@click.option(
    "--value",
    "values",
    multiple=True,
    metavar="NAME=NUMBER",
    help="What only the old system knows, such as active_users=412 of a day or error_rate=0.4 (repeatable).",
)
@click.option("--note", default="", help="What these values are of.")
def keep(door: Door, /, values: tuple[str, ...], note: str) -> Answer:
    """Keep the values before the switch. Run it before the switch, as late as possible."""
    given = given_values(values)
    settings = door.effective.settings
    baseline, path = as_guest(door, "watch", lambda guest: record(guest, settings, Shelf.of(settings), given, note))
    unknown = [each.title for each in FIGURES.values() if isinstance(baseline.value(each.id), Unknown)]
    words = [f"{each.title}: {before_words(each.id, baseline, baseline.value(each.id))}" for each in FIGURES.values()]
    problems: tuple[Problem, ...] = ()
    if unknown:
        message = f"not known, so that nothing can be compared with it later: {', '.join(unknown)}"
        problems = (Problem("values_unknown", message, "Give it with --value if the old system knows it"),)
    return Answer(
        {"baseline": baseline, "path": path},
        lambda out: out.print("\n".join([*words, f"Kept as {baseline.id} in {path}."]), markup=False, highlight=False),
        ExitCode.DONE,
        problems,
    )


def _answer(seen: WatchSnapshot, code: ExitCode, problems: tuple[Problem, ...], *, why: bool) -> Answer:
    keys: dict[str, object] = {
        "database": seen.database,
        "as_of": seen.as_of,
        "began": seen.began,
        "until": seen.until,
        "baseline": seen.baseline,
        "lines": seen.lines,
        "looks": seen.looks,
        "gaps": seen.gaps,
        "recovered": seen.recovered,
        "history": seen.history,
    }
    return Answer(keys, lambda out: print_watch(out, seen, why=why), code, problems)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise usage_error("since", f"--since {text!r} is no time", "Such as 2024-12-09T14:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
