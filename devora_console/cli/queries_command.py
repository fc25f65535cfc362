"""``queries``: the statements that cost most, over an interval or since the statistics began."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import click

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.queries_view import print_queries, queries_keys
from devora_console.cli.visiting import as_guest
from devora_console.core.clock import utc_now
from devora_console.core.problems import ExitCode, Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.statements import (
    SORTS,
    QueriesSnapshot,
    RunningSnapshot,
    StatementsSample,
    StatementsSnapshot,
    Texts,
    interval,
    read_numbers,
    read_running,
    since_reset,
)
from devora_console.postgres.watch.guest import Guest

_group = click.Group("root")
_VIEW_MS, _VIEW_ROWS = 100.0, 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for. ``interval`` is seconds, 0 for none; ``min_ms`` a mean; ``only_running``: no statistics."""

    sort: str
    interval: float
    min_ms: float
    limit: int
    slow_ms: float
    only_running: bool


@door_command(_group, "queries")
@click.option("--sort", type=click.Choice(tuple(SORTS)), help="What comes first.  [default: total; with --slow mean]")
@click.option(
    "--interval",
    "seconds",
    type=click.FloatRange(0.5, 3600),
    metavar="S",
    help="Look twice, S seconds apart, and tell what ran in between. Without it: since the statistics began.",
)
@click.option("--min-ms", type=click.FloatRange(0), metavar="N", help="Only statements with a mean of N ms or more.")
@click.option("--limit", type=click.IntRange(1, 10_000), help="At most this many.  [default: 20]")
@click.option("--slow", is_flag=True, help="Only slow statements: a mean of queries.slow_ms or more, slowest first.")
@click.option(
    "--view", is_flag=True, help="What the view slow_queries lists (mean over 100 ms, the 50 slowest), corrected."
)
@click.option("--running", is_flag=True, help="Only what runs now for longer than queries.slow_ms (or --min-ms).")
def command(
    door: Door,
    sort: str | None,
    seconds: float | None,
    min_ms: float | None,
    limit: int | None,
    slow: bool,
    view: bool,
    running: bool,
) -> Answer:
    """Statements by time, mean, calls, rows, I/O, temporary files or WAL; nothing is reset, nothing is changed."""
    if view and (slow or running or seconds is not None or min_ms is not None or sort is not None):
        raise click.UsageError("--view shows one list; it goes with --limit only")
    if running and (slow or seconds is not None or sort is not None):
        raise click.UsageError("--running goes with --min-ms and --limit only")
    slow_ms = door.effective.settings.queries.slow_ms
    least = min_ms if min_ms is not None else slow_ms if slow else 0.0
    wanted = Wanted(sort or ("mean" if slow else "total"), seconds or 0.0, least, limit or 20, slow_ms, running)
    if view:
        wanted = replace(wanted, sort="mean", min_ms=_VIEW_MS, limit=min(limit or _VIEW_ROWS, _VIEW_ROWS))
    if running:
        wanted = replace(wanted, slow_ms=slow_ms if min_ms is None else min_ms)
    if seconds:
        door.narrate(f"Looking twice, {seconds:g} s apart.")
    snapshot = as_guest(door, "queries", lambda guest: look(guest, wanted))
    missing = snapshot.statements if isinstance(snapshot.statements, Unknown) and not running else None
    problems = (Problem("statements_unknown", missing.reason, missing.remedy),) if missing else ()
    return Answer(
        queries_keys(snapshot, wanted.sort, view=view, only_running=running),
        lambda out: print_queries(out, snapshot, wanted.sort, view=view, only_running=running),
        ExitCode.NEGATIVE if missing else ExitCode.DONE,
        problems,
    )


async def look(guest: Guest, wanted: Wanted) -> QueriesSnapshot:
    """Ask the server: two samples when there is an interval, then texts of what will be shown."""
    sample = await read_numbers(guest)
    before = None
    if wanted.interval and not wanted.only_running and not isinstance(sample, Unknown):
        await asyncio.sleep(wanted.interval)
        before, sample = sample, await read_numbers(guest, sample)
    known = {} if isinstance(sample, Unknown) else sample.rows
    threshold = wanted.slow_ms if not wanted.min_ms or wanted.only_running else wanted.min_ms
    running: RunningSnapshot | Unknown = await read_running(guest, threshold, known)
    statements: StatementsSnapshot | Unknown = Unknown("not asked")
    if not wanted.only_running:
        statements = sample if isinstance(sample, Unknown) else await _dressed(guest, wanted, before, sample)
    if isinstance(running, RunningSnapshot):
        running = replace(running, statements=running.statements[: wanted.limit])
    return QueriesSnapshot(utc_now(), wanted.slow_ms, statements, running)


async def _dressed(
    guest: Guest, wanted: Wanted, before: StatementsSample | None, sample: StatementsSample
) -> StatementsSnapshot:
    snapshot = since_reset(sample) if before is None else interval(before, sample)
    return await Texts().first(
        guest, snapshot, wanted.slow_ms, orders=(wanted.sort,), limit=wanted.limit, min_ms=wanted.min_ms
    )
