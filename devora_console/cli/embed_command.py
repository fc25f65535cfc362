"""``embed status|estimate|run|pause|resume``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import asyncpg
import click

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.embed_view import Watch, print_coverage, print_estimate, print_result
from devora_console.cli.running import until_signal
from devora_console.cli.tables import number
from devora_console.config.settings import Settings
from devora_console.core.guard import Act
from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.connect import LOST, close, connect, explain
from devora_console.postgres.target import Target
from devora_console.search.embed import ready, steering
from devora_console.search.embed.backfill import Backfill, Wanted
from devora_console.search.embed.ceiling import Ceiling
from devora_console.search.embed.coverage import coverage
from devora_console.search.embed.estimate import estimate
from devora_console.search.embed.models import price_of
from devora_console.search.embed.progress import Ending, Result
from devora_console.search.embed.provider import Embedder, embedder_of

T = TypeVar("T")
_PATIENCE = 600.0  # seconds for a count over everything
_SETTINGS_AT_FAULT = frozenset({"embed_key", "embed_forbidden", "embed_model"})


@click.group("embed")
def command() -> None:
    """Embeddings: the vectors of semantic search.

    Who makes them is a setting (embed.provider): offline, an OpenAI-compatible endpoint, or letters only.
    """


@door_command(command, "status")
def _status(door: Door) -> Answer:
    """What is embedded and what is not, by type; the index; the latest back-fills."""
    settings = door.effective.settings
    embedder = embedder_of(settings)
    found = _visit(settings, lambda db: coverage(db, embedder.model, embedder.dims, embedder.label), embedder)
    keys = {
        "coverage": found.types,
        "embedded": found.total("current"),
        "failed": found.total("failed"),
        "empty": found.total("empty"),
        "remaining": found.remaining,
        "model": found.model,
        "dims": found.dims,
        "label": found.label,
        "models": found.models,
        "failures": found.failures,
        "index": found.index,
        "runs": found.runs,
    }
    return Answer(keys, partial(print_coverage, found=found))


@door_command(command, "estimate")
@click.option("--ask", is_flag=True, help="Measure a remote provider's time too: that costs what 50 documents cost.")
def _estimate(door: Door, ask: bool) -> Answer:
    """Documents, tokens, money and time that a back-fill takes."""
    settings = door.effective.settings
    embedder, price = embedder_of(settings), price_of(settings.embed)
    found = _visit(settings, lambda db: estimate(db, embedder, price, ask=ask), embedder)
    problems = (Problem("embed_price", price.reason, price.remedy),) if isinstance(price, Unknown) else ()
    return Answer({"estimate": found, "remaining": found.rows}, partial(print_estimate, found=found), problems=problems)


@door_command(command, "run")
@click.option("--max-rows", type=click.IntRange(0), metavar="N", help="Stop after so many documents.")
@click.option("--max-tokens", type=click.IntRange(0), metavar="N", help="Stop before more tokens than these.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="DOLLARS", help="Stop before more than this is spent.")
@click.option("--retry-failed", is_flag=True, help="Try documents again that could not be embedded.")
def _run(
    door: Door, max_rows: int | None, max_tokens: int | None, max_cost: float | None, retry_failed: bool
) -> Answer | int:
    """Embed what has no current vector, and make the index for it.

    It may be stopped or killed anywhere and run again; several runs share the work. Exit code 5: it stopped at its
    ceiling or the provider refused to go on, and what is embedded stays.
    """
    settings = door.effective.settings
    target = Target(settings.postgres)
    name = target.database()
    door.guard.permit(Act(f"embed the documents of {name}", name))
    price = price_of(settings.embed)
    cost = max_cost if max_cost is not None else settings.embed.max_cost
    if cost is not None and isinstance(price, Unknown):
        raise usage_error("embed_price", f"a ceiling in money, but {price.reason}", price.remedy)
    embedder = embedder_of(settings)
    watch = Watch(door)
    wanted = Wanted(Ceiling(max_rows, max_tokens, cost), again=retry_failed, lease_seconds=_lease(settings))

    async def work() -> Result:
        db = await _open(settings)
        try:
            await ready.require(db)
        finally:
            await close(db)
        job = Backfill(
            lambda _: _open(settings), embedder, wanted, price=price, on_progress=watch.tell, narrate=watch.narrate
        )
        try:
            return await until_signal(job.run())
        finally:
            watch.end()
            await embedder.close()

    result = _talk(settings, work)
    code, problems = _verdict(result)
    return Answer(_keys(result), partial(print_result, result=result), code, problems)


def _lease(settings: Settings) -> float:
    """Longer than a batch can take."""
    return 300.0 + (settings.embed.patience_seconds + settings.embed.timeout_seconds) * 2


def _keys(result: Result) -> dict[str, object]:
    told = result.progress
    return {
        "run": told.run,
        "model": told.model,
        "ending": result.ending,
        "embedded": told.embedded,
        "remaining": result.remaining,
        "failed": told.failed,
        "empty": told.empty,
        "changed": told.changed,
        "vectors": told.vectors,
        "tokens": told.tokens,
        "cost": told.cost if told.cost is not None else Unknown("there is no price"),
        "price": told.price,
        "seconds": told.seconds,
        "rows_per_second": told.rows_per_second,
        "index": result.index,
        "removed": result.removed,
    }


def _verdict(result: Result) -> tuple[ExitCode, tuple[Problem, ...]]:
    if result.ending is Ending.CEILING:
        said = Problem("embed_ceiling", f"stopped at the ceiling: {result.words}", "Run it again to go on")
        return (ExitCode.STOPPED, (said,)) if result.remaining else (ExitCode.DONE, ())
    if result.problem is not None:
        fault = result.problem.code in _SETTINGS_AT_FAULT
        return ExitCode.USAGE if fault else ExitCode.STOPPED, (result.problem,)
    if result.remaining:
        words = f"{number(result.remaining)} documents are left: another run has them, or they were edited meanwhile"
        return ExitCode.STOPPED, (Problem("embed_remaining", words, "Run it again when that run is over"),)
    if result.progress.failed:
        words = f"{number(result.progress.failed)} documents could not be embedded"
        return ExitCode.NEGATIVE, (Problem("embed_failed", words, "See: devora-console embed status"),)
    return ExitCode.DONE, ()


@door_command(command, "pause")
def _pause(door: Door) -> Answer:
    """Let every running back-fill of this database wait after its present batch."""
    return _wish(door, paused=True)


@door_command(command, "resume")
def _resume(door: Door) -> Answer:
    """Let them go on."""
    return _wish(door, paused=False)


def _wish(door: Door, *, paused: bool) -> Answer:
    settings = door.effective.settings
    name = Target(settings.postgres).database()
    door.guard.permit(Act(f"steer the back-fill of {name}", name))

    async def work() -> list[steering.Run]:
        db = await _open(settings)
        try:
            await ready.require(db)
            return await steering.wish(db, paused=paused)
        finally:
            await close(db)

    runs = _talk(settings, work)
    word = "paused" if paused else "running"
    return Answer(
        {"runs": runs, "state": word}, lambda out: out.print(f"{len(runs)} back-fill{'s' * (len(runs) != 1)}: {word}")
    )


async def _open(settings: Settings) -> asyncpg.Connection[asyncpg.Record]:
    # Where row security would hide documents, the server refuses: a back-fill of some users only is not what was asked.
    return await connect(
        Target(settings.postgres).dsn(),
        purpose="embed",
        read_only=False,
        timeout_seconds=settings.postgres.connect_timeout_seconds,
        statement_timeout_seconds=0,
        more={"row_security": "off"},
    )


def _visit(
    settings: Settings, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]], embedder: Embedder
) -> T:
    async def visit() -> T:
        target = Target(settings.postgres)
        async with target.strictly(purpose="embed", statement_timeout_seconds=_PATIENCE) as db:
            try:
                return await work(db)
            finally:
                await embedder.close()

    return _talk(settings, visit)


def _talk(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        return await work()

    try:
        return asyncio.run(run())
    except ConsoleError:
        raise
    except (*LOST, asyncpg.PostgresError) as error:
        raise explain(error, settings.postgres.dsn) from None
