"""``search bench FILE``: how long the methods take, as the user gets them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.tables import plain_table
from devora_console.config.settings import Settings
from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.core.unknown import Unknown
from devora_console.search.bench import Latency, Percentiles, measure
from devora_console.search.engine import NOTHING
from devora_console.search.judging.suite import read_suite
from devora_console.search.knobs import asked_of
from devora_console.search.model import Method
from devora_console.search.playground import Playground

_group = click.Group("search")


@door_command(_group, "bench")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--as-user", metavar="ID", help="As this user, with the application's role.")
@click.option("--as-owner", is_flag=True, help="Past row-level security: not what users get.")
@click.option("--rounds", type=click.IntRange(2, 100), default=3, show_default=True, help="The first one is cold.")
@click.option("--limit", type=click.IntRange(1, 1000), help="Hits of each search.  [default: search.limit]")
def bench(door: Door, file: Path, as_user: str | None, as_owner: bool, rounds: int, limit: int | None) -> Answer:
    """P50, P95 and P99 of each method, cold (the first time a query is asked) and warm, with snippets.

    FILE is a suite, or a text with a query in each line. A search that is cut off by search.statement_seconds is
    counted, and counts as that limit. The time of the query's vector is in it: see the embedder.
    """
    queries = _queries(file)
    if as_user is None and not as_owner:
        raise usage_error("no_user", "it is not said as whom to search", "Give --as-user ID, or --as-owner")
    door.narrate(f"Asking {len(queries)} queries {rounds} times by {len(Method)} methods.")
    settings = door.effective.settings
    found = asyncio.run(_measure(settings, queries, as_user, as_owner, rounds, limit))
    late = sum(_timeouts(each.cold) + _timeouts(each.warm) for each in found.values())
    problems = (Problem("timeouts", f"{late} searches took longer than {settings.search.statement_seconds:g} s"),)
    return Answer(
        {"latency_ms": {name: each.warm for name, each in found.items()}, "methods": found, "queries": len(queries)},
        lambda out: _show(out, found),
        ExitCode.NEGATIVE if late else ExitCode.DONE,
        problems if late else (),
    )


def _queries(file: Path) -> list[str]:
    if file.suffix in (".json", ".toml"):
        return [query.text for query in read_suite(file).queries]
    try:
        found = [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise usage_error("queries_unreadable", f"{file} cannot be read: {error}") from None
    if not found:
        raise usage_error("queries_missing", f"{file} holds no query", "Write one in each line")
    return found


async def _measure(
    settings: Settings, queries: list[str], user: str | None, owner: bool, rounds: int, limit: int | None
) -> dict[str, Latency]:
    playground = await Playground.open(settings)

    def asks(method: Method) -> Callable[[str], Awaitable[int]]:
        async def ask(text: str) -> int:
            asked = asked_of(settings, text, user=user, as_owner=owner, limit=limit)
            snapshot = await playground.ask(replace(asked, methods=(method,)))
            assert snapshot is not None  # nobody else asks
            answer = snapshot.methods[method]
            if "timeout" in answer.flags:
                raise TimeoutError
            if answer.problem is not None and not _typed(answer.problem):
                raise _failed(method, answer.problem)
            return answer.returned

        return ask

    try:
        patience = settings.search.statement_seconds * 2
        return await measure(
            {each.value: asks(each) for each in Method}, queries, rounds=rounds, limit_seconds=patience
        )
    finally:
        await playground.close()


def _typed(problem: Problem | Unknown) -> bool:
    """Whether it lies in what was typed: such a query is as good as any."""
    return isinstance(problem, Problem) and problem.code in NOTHING


def _failed(method: Method, problem: Problem | Unknown) -> ConsoleError:
    words = problem.reason if isinstance(problem, Unknown) else problem.message
    return ConsoleError.of(ExitCode.NEGATIVE, "search_failed", f"{method}: {words}", problem.remedy)


def _timeouts(found: Percentiles | Unknown) -> int:
    return 0 if isinstance(found, Unknown) else found.timeouts


def _show(out: Console, found: dict[str, Latency]) -> None:
    rows: list[tuple[str, ...]] = []
    for name, each in found.items():
        for kind, taken in (("cold", each.cold), ("warm", each.warm)):
            if isinstance(taken, Unknown):
                rows.append((name, kind, str(taken), "", "", "", ""))
            else:
                numbers = [f"{value:.1f}" for value in (taken.p50, taken.p95, taken.p99, taken.worst)]
                rows.append((name, kind, *numbers, str(taken.timeouts)))
    out.print(plain_table(("method", "", "P50 ms", "P95", "P99", "worst", "cut off"), rows, right=(2, 3, 4, 5, 6)))
