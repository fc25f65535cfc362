"""``search suite run|record|compare FILE``: judged queries, before and after."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.tables import plain_table
from devora_console.core.guard import Act
from devora_console.core.problems import ExitCode, Problem
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.postgres.target import Target
from devora_console.search.judging.compare import Comparison, compare
from devora_console.search.judging.metrics import NAMES
from devora_console.search.judging.record import place, read_run, write_run
from devora_console.search.judging.run import SuiteRun
from devora_console.search.judging.suite import Suite, read_suite
from devora_console.search.model import Method
from devora_console.services.judged import judge

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("suite")
def suite() -> None:
    """Judged queries: recall, rank and gain of each method, with the interval that so few queries allow.

    A suite is a JSON or TOML file: queries with judgments (document: 0, 1 or 2). One with documents of its own is asked
    in a database that is made for it and dropped afterwards; one without judges the live documents, as type/id.
    """


@dataclass(frozen=True, slots=True)
class Asked:
    """A suite's file and what it gave."""

    file: Path
    suite: Suite
    run: SuiteRun


@door_command(suite, "run")
@click.argument("file", type=_FILE)
@click.option("--as-user", metavar="ID", help="As this user, instead of the one the suite names.")
def _run(door: Door, file: Path, as_user: str | None) -> Answer:
    """Ask every query and print the metrics of each method."""
    asked = ask(door, file, as_user)
    return Answer(keys(asked.run), lambda out: _show(out, asked.run))


@door_command(suite, "record")
@click.argument("file", type=_FILE)
@click.option("--as-user", metavar="ID", help="As this user, instead of the one the suite names.")
@click.option("--to", type=_FILE, help="Where to keep it.  [default: beside the suite, NAME.recorded.json]")
def _record(door: Door, file: Path, as_user: str | None, to: Path | None) -> Answer:
    """Ask every query and keep the result, to be compared with after the cutover."""
    asked = ask(door, file, as_user)
    path = to or place(file)
    write_run(path, asked.run)

    def people(out: Console) -> None:
        _show(out, asked.run)
        out.print(Text(safe(f"✓ recorded in {path}")))

    return Answer({**keys(asked.run), "path": path}, people)


@door_command(suite, "compare")
@click.argument("file", type=_FILE)
@click.option("--as-user", metavar="ID", help="As this user, instead of the one the suite names.")
@click.option("--with", "before", type=_FILE, help="What was recorded.  [default: beside the suite]")
@click.option(
    "--method",
    type=click.Choice([*(each.value for each in Method), "all"]),
    help="The method that decides.  [default: search.method]",
)
@click.option("--tolerance", type=click.FloatRange(0, 1), help="What may be lost.  [default: search.tolerance]")
def _compare(
    door: Door, file: Path, as_user: str | None, before: Path | None, method: str | None, tolerance: float | None
) -> Answer:
    """Ask every query again and compare with what was recorded, query by query.

    Exit code 1 when a metric of the deciding method fell by more than the tolerance, and chance does not explain it
    (the 95 % interval of the paired differences is below zero).
    """
    settings = door.effective.settings.search
    old = read_run(before or place(file))
    asked = ask(door, file, as_user)
    watched = tuple(Method) if method == "all" else (Method(method or settings.method),)
    allowed = settings.tolerance if tolerance is None else tolerance
    found = compare(old, asked.run, tolerance=allowed, watched=watched)
    write_run(place(file, "compared"), asked.run)
    problems = tuple(
        Problem(
            "search_worse",
            f"{each.method}: {each.metric} fell by {-each.difference.mean:.3f} "
            f"[{-each.difference.high:.3f}, {-each.difference.low:.3f}]",
            "See the losses; they are listed worst first",
        )
        for each in found.worse
    )
    return Answer(
        {**keys(asked.run), "comparison": found, "recorded_at": old.at},
        lambda out: _show_comparison(out, asked.run, old, found),
        ExitCode.NEGATIVE if problems else ExitCode.DONE,
        problems,
    )


def ask(door: Door, file: Path, user: str | None) -> Asked:
    """Read the suite and ask it."""
    found = read_suite(file)
    settings = door.effective.settings
    if found.documents:
        name = Target(settings.postgres).database()
        door.guard.permit(Act(f"make a database of its own for the suite on the server of {name}", name))
    door.narrate(f"Asking {len(found.queries)} queries.")
    return Asked(file, found, asyncio.run(judge(settings, found, user=user)))


def keys(run: SuiteRun) -> dict[str, object]:
    """The JSON keys."""
    figures = {method: run.figures(method) for method in run.judged}
    return {
        "suite": run.suite,
        "n": len(next(iter(run.judged.values()))),
        "metrics": {
            method: {name: unanswered(run, method) or each.metrics[name].mean for name in NAMES}
            for method, each in figures.items()
        },
        "intervals": {method: dict(each.metrics) for method, each in figures.items()},
        "zero_results": {method: each.zero for method, each in figures.items()},
        "queries": run.judged,
        "embedder": {"model": run.model, "label": run.embedder},
        "versions": run.versions,
        "knobs": run.knobs,
    }


def unanswered(run: SuiteRun, method: Method) -> Unknown | None:
    """Why a method has no figures: it could answer no query at all, which is not the same as finding nothing."""
    problems = [each.problem for each in run.judged[method]]
    return Unknown(problems[0]) if problems and all(problems) else None


def _show(out: Console, run: SuiteRun) -> None:
    rows = []
    for method in run.judged:
        figures = run.figures(method)
        cells = [f"{each.mean:.2f} [{each.low:.2f}, {each.high:.2f}]" for each in figures.metrics.values()]
        if unanswered(run, method):
            cells = ["?"] * len(cells)
        rows.append((method.value, *cells, f"{figures.zero} of {figures.n}"))
    out.print(plain_table(("method", "R@5", "R@10", "MRR", "nDCG@10", "without results"), rows))
    n = run.figures(next(iter(run.judged))).n
    out.print(Text(safe(f"{n} queries; in brackets where 95 % of such means lie. Embedder: {run.model or 'none'}.")))
    for method, judged in run.judged.items():
        if problem := next((each.problem for each in judged if each.problem), ""):
            out.print(Text(safe(f"! {method}: {problem}")))


def _show_comparison(out: Console, run: SuiteRun, old: SuiteRun, found: Comparison) -> None:
    _show(out, run)
    rows = [
        (
            each.method.value,
            each.metric,
            f"{each.difference.mean:+.3f} [{each.difference.low:+.3f}, {each.difference.high:+.3f}]",
            "worse" if each.worse else "",
        )
        for each in found.changes
    ]
    out.print(plain_table(("method", "metric", f"change since {old.at:%Y-%m-%d %H:%M}", ""), rows))
    for note in found.notes:
        out.print(Text(safe(f"! {note}")))
    for loss in found.losses:
        line = f"{loss.method} lost {loss.before - loss.after:.2f} on {loss.query}: {', '.join(loss.had)}"
        out.print(Text(one_line(f"{line} became {', '.join(loss.has) or 'nothing'}", 200)))
    sign = "✗ worse" if found.worse else "✓ not worse"
    out.print(Text(f"{sign} than recorded (tolerance {found.tolerance:g}, decided by {', '.join(found.watched)})"))
