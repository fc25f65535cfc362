"""``bench latency|list|show|compare|export``: the same questions asked of both databases, before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from devora_console.bench.compare import Comparison, compare
from devora_console.bench.export import markdown
from devora_console.bench.judge import Agreement, Goal, Line, goal, lines
from devora_console.bench.measure import Order, measure
from devora_console.bench.model import Catalogue
from devora_console.bench.reading import chosen, load_catalogue
from devora_console.bench.result import Kind, Manner, Result
from devora_console.bench.statistics import Change
from devora_console.bench.store import Store
from devora_console.bench.words import answers
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.listing import print_rows
from devora_console.cli.running import until_signal
from devora_console.config.bench import BenchSettings
from devora_console.core.problems import ConsoleError, ExitCode, Problem, usage_error
from devora_console.core.safetext import one_line, safe
from devora_console.core.wholefile import write_whole
from devora_console.tui.render.bench import (
    COLUMNS,
    RESULT_COLUMNS,
    change_bars,
    condition_lines,
    headline,
    question_lines,
    question_rows,
    result_rows,
    warning_lines,
)
from devora_console.tui.render.columns import Column
from devora_console.tui.render.look import Look

_LOOK = Look()
_WIDEST = 100


@click.group("bench", no_args_is_help=True)
def command() -> None:
    """Before and after: the same questions asked of MongoDB and of PostgreSQL, as the application asks them."""


@door_command(command, "latency")
@click.option("--before", is_flag=True, help="MongoDB alone; kept, to be compared with after the switch.")
@click.option("--after", is_flag=True, help="PostgreSQL alone, for the users that were asked for before.")
@click.option("--compare", "both", is_flag=True, help="Both, taking turns. Without an option too, if both are there.")
@click.option("--questions", type=click.Path(path_type=Path), metavar="FILE", help="Questions of your own beside ours.")
@click.option("--only", multiple=True, metavar="ID", help="Only this question; several times for several.")
@click.option("--rounds", type=click.IntRange(1, 10_000), help="How often each is asked.  [default: bench.rounds]")
@click.option("--seconds", type=click.FloatRange(0, 86_400, min_open=True), help="Whole rounds for so long, instead.")
@click.option("--concurrency", type=click.IntRange(1, 64), help="Under way at a time.  [default: bench.concurrency]")
@click.option("--subjects", type=click.IntRange(1, 10_000), help="Users asked for.  [default: bench.subjects]")
@click.option("--seed", type=click.IntRange(0, 2**31), help="What is drawn.  [default: bench.seed]")
@click.option("--with", "against", metavar="ID", help="With --after: the result to compare with.  [default: latest]")
def _latency(door: Door, /, only: tuple[str, ...], questions: Path | None, **given: Any) -> Answer:
    """Ask the same questions of both databases and compare the times; keep the result.

    Everything is read only. PostgreSQL is asked as the application's role for one user at a time, under row-level
    security. Exit code 1 when a question failed or was cut off, or the answers differ for too many users.
    """
    settings = door.effective.settings
    catalogue = load_catalogue(questions or settings.bench.questions)
    order = _order(settings.bench, catalogue, only, given)
    store = Store.of(settings)
    try:
        result = asyncio.run(until_signal(measure(settings, order, store, door.narrate)))
    except ConsoleError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            words = "interrupted; nothing of this run is kept"
            raise ConsoleError.of(ExitCode.INTERRUPTED, "interrupted", words) from None
        raise
    path = store.keep(result)
    return _answer(result, settings.bench, path)


def _order(settings: BenchSettings, catalogue: Catalogue, only: tuple[str, ...], given: dict[str, Any]) -> Order:
    kinds: dict[str, Kind] = {"before": "before", "after": "after", "both": "both"}
    wanted = [kind for name, kind in kinds.items() if given[name]]
    if len(wanted) > 1:
        raise usage_error("usage", "--before, --after and --compare exclude each other", "Give one of them")
    if given["rounds"] is not None and given["seconds"] is not None:
        raise usage_error("usage", "--rounds and --seconds exclude each other", "Give one of them")
    if given["against"] is not None and wanted != ["after"]:
        raise usage_error("usage", "--with goes with --after", "")

    def of(name: str) -> Any:
        return getattr(settings, name) if given.get(name) is None else given[name]

    manner = Manner(of("seed"), of("rounds"), settings.warm_up, of("concurrency"), settings.timeout_seconds)
    return Order(
        catalogue=catalogue,
        questions=chosen(catalogue, only),
        kind=wanted[0] if wanted else None,
        manner=manner,
        subjects=of("subjects"),
        seconds=given["seconds"],
        against=given["against"],
        given=frozenset(name for name in ("seed", "rounds", "concurrency") if given[name] is not None),
    )


@door_command(command, "list")
def _list(door: Door) -> Answer:
    """The results that are kept, the newest first."""
    store = Store.of(door.effective.settings)
    every = list(store.every())[::-1]
    results = [each for each in every if isinstance(each, Result)]
    problems = tuple(each for each in every if isinstance(each, Problem))

    def show(out: Console) -> None:
        if not results:
            out.print("Nothing is kept yet: devora-console bench latency")
            return
        print_rows(out, RESULT_COLUMNS, result_rows(results, _LOOK), _LOOK)

    keys = {
        "folder": store.folder,
        "results": [
            {
                "id": each.id,
                "kind": each.kind,
                "at": each.at,
                "mongo": each.mongo,
                "postgres": each.postgres,
                "questions": [asked.id for asked in each.questions],
                "subjects": len(each.subjects),
                "against": each.against,
            }
            for each in results
        ],
    }
    return Answer(keys, show, ExitCode.NEGATIVE if problems else ExitCode.DONE, problems)


@door_command(command, "show")
@click.argument("id", default="last")
@click.option("--only", multiple=True, metavar="ID", help="Only this question, in depth.")
def _show(door: Door, /, id: str, only: tuple[str, ...]) -> Answer:  # noqa: A002 - the argument's name for people
    """A kept result: its times, changes, answers, and what they rest on. ID may be its beginning, or 'last'."""
    settings = door.effective.settings.bench
    result = Store.of(door.effective.settings).read(id)
    known = [each.id for each in result.questions]
    unknown = [each for each in only if each not in known]
    if unknown:
        raise usage_error("bench_only", f"{one_line(unknown[0], 60)} was not asked", f"There are {', '.join(known)}")
    return _answer(result, settings, None, only)


@door_command(command, "compare")
@click.argument("first")
@click.argument("second", default="last")
def _compare(door: Door, /, first: str, second: str) -> Answer:
    """Two kept results, question by question: the same side over time, or MongoDB then with PostgreSQL now."""
    store, settings = Store.of(door.effective.settings), door.effective.settings.bench
    found = compare(store.read(first), store.read(second), settings)

    def show(out: Console) -> None:
        _show_comparison(out, found)

    pairs = [{"pair": each.pair, "queries": [_query(line) for line in each.lines]} for each in found.pairs]
    return Answer({"first": found.first, "second": found.second, "pairs": pairs, "notes": found.notes}, show)


@door_command(command, "export")
@click.argument("id", default="last")
@click.option("--markdown", "as_markdown", is_flag=True, help="As Markdown, which is the only form there is.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Into this file, instead of printing it.")
def _export(door: Door, /, id: str, as_markdown: bool, out: Path | None) -> Answer:  # noqa: A002
    """The before-and-after table of a report, with what it rests on."""
    settings = door.effective.settings.bench
    result = Store.of(door.effective.settings).read(id)
    judged = lines(result, settings)
    text = markdown(result, judged, goal(result, judged, settings))
    if out is not None:
        _write(out, text)

    def show(console: Console) -> None:
        console.print(Text(safe(text.rstrip("\n"), len(text)) if out is None else f"✓ written to {safe(str(out))}"))

    return Answer({"id": result.id, "markdown": text, "path": out}, show)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode(), mode=0o666)
    except OSError as error:
        words = f"{one_line(str(path), 300)} cannot be written: {error.strerror}"
        raise usage_error("bench_export", words, "Name another file") from None


def _answer(result: Result, settings: BenchSettings, path: Path | None, only: tuple[str, ...] = ()) -> Answer:
    judged = lines(result, settings)
    reached = goal(result, judged, settings)
    shown = [line for line in judged if not only or line.id in only]
    problems = tuple(_problems(shown, settings))
    keys = {
        "id": result.id,
        "kind": result.kind,
        "path": path,
        "against": result.against,
        "queries": [_query(line) for line in shown],
        "goal": reached,
        "manner": result.manner,
        "subjects": len(result.subjects),
        "catalogue": {"name": result.catalogue, "digest": result.digest},
        "sides": {"mongo": result.mongo, "postgres": result.postgres},
        "client": result.client,
        "notes": result.notes,
    }
    code = ExitCode.NEGATIVE if problems else ExitCode.DONE
    return Answer(keys, lambda out: _print(out, result, shown, reached, bool(only)), code, problems)


def _query(line: Line) -> dict[str, object]:
    """One question of the JSON document."""
    average = line.changes["average"]
    known = isinstance(average, Change)
    return {
        "id": line.id,
        "title": line.title,
        "mongo": line.first,
        "postgres": line.second,
        "postgres_without_embedding": line.without,
        "change_percent": average.percent if isinstance(average, Change) else average,
        "interval": [average.low, average.high] if isinstance(average, Change) else average,
        "changes": line.changes if known else {},
        "answers": line.agreement,
        "verdict": line.verdict,
        "why": line.why,
    }


def _problems(judged: Iterable[Line], settings: BenchSettings) -> Iterable[Problem]:
    for line in judged:
        for each in line.failed:
            yield Problem("bench_failed", f"{line.title}: {one_line(each, 300)}")
        found = line.agreement
        if isinstance(found, Agreement) and 100 * found.differing > settings.differing_percent * found.compared:
            remedy = "Documents in quarantine are one reason (quarantine list), a write since the copy another (verify)"
            yield Problem("bench_answers", f"{line.title}: the answers {answers(line)}", remedy)


def _print(out: Console, result: Result, judged: list[Line], reached: Goal, in_depth: bool) -> None:
    if in_depth:
        for line in judged:
            _lines(out, [*question_lines(line, _LOOK), ""])
    else:
        print_rows(out, COLUMNS, question_rows(judged, _LOOK), _LOOK)
        bars = change_bars(judged, min(out.width, _WIDEST), _LOOK)
        _lines(out, ["", *bars] if bars else [])
        _lines(out, ["", headline(result, judged, reached, _LOOK), *warning_lines(judged, _LOOK), ""])
    _lines(out, condition_lines(result, _LOOK))


def _show_comparison(out: Console, found: Comparison) -> None:
    for each in found.pairs:
        names = {"mongo": "MongoDB", "postgres": "PostgreSQL"}
        _lines(out, [f"{names[each.pair[0]]} of {found.first} → {names[each.pair[1]]} of {found.second}"])
        print_rows(out, _then_now(), question_rows(each.lines, _LOOK), _LOOK)
        _lines(out, ["", *change_bars(each.lines, min(out.width, _WIDEST), _LOOK), ""])
        _lines(out, warning_lines(each.lines, _LOOK))
    _lines(out, [f"! {note}" for note in found.notes])


def _then_now() -> list[Column]:
    titles = {"mongo": "then ms", "postgres": "now ms"}
    return [replace(each, title=titles.get(each.key, each.title)) for each in COLUMNS]


def _lines(out: Console, found: Iterable[str]) -> None:
    for line in found:
        out.print(Text(line))
