"""``can-commit``: may Devora be switched to what is in the target? Every condition, measured now."""

from __future__ import annotations

import asyncio
import difflib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.tables import plain_table
from devora_console.config.secret import Dsn
from devora_console.core.clock import span, utc_now
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, Registry, judged
from devora_console.core.problems import ExitCode, usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.mapping_file import load_mapping
from devora_console.services.gates import DATA, measure, registry

_group = click.Group("root")
_ROOM = 140
_SIGNS = {Verdict.OK: "✓", Verdict.FAIL: "✗", Verdict.UNKNOWN: "?", Verdict.STALE: "~"}


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition as it was found. ``age_seconds`` counts from the moment that it speaks of."""

    id: str
    title: str
    verdict: Verdict
    value: str
    threshold: str
    why: str
    remedy: str
    age_seconds: float


@door_command(_group, "can-commit")
@click.option("--only", multiple=True, metavar="ID", help="Measure only this condition (repeatable).")
@click.option("--all", "everything", is_flag=True, help="Also the site's tests, monitoring and whatever else is known.")
@click.option("--source", metavar="URL_OR_DUMP", help="A MongoDB URL, or the folder that mongodump wrote.")
@click.option("--mapping", type=click.Path(path_type=Path), metavar="FILE", help="The mapping the migration used.")
def command(door: Door, only: tuple[str, ...], everything: bool, source: str | None, mapping: Path | None) -> Answer:
    """Measure now whether Devora may be switched to the target, and say what each condition lacks.

    Changes nothing. Exit code 0 when every condition is met, 1 when one is not, or is not known.
    """
    settings = door.effective.settings
    where = Dsn(source) if source is not None and "://" in source else source
    known = registry(settings, load_mapping(mapping or settings.migration.mapping), source=where)
    chosen = _chosen(known, only, everything=everything)
    door.narrate(f"Measuring {len(chosen)} condition{'s' if len(chosen) > 1 else ''}.")
    found = asyncio.run(measure(chosen))
    now = utc_now()
    clauses = tuple(_clause(gate, measured, now) for gate, measured in found)
    good = all(clause.verdict is Verdict.OK for clause in clauses)
    return Answer(
        {"can_commit": good, "clauses": clauses},
        lambda out: _print(out, clauses, good),
        ExitCode.DONE if good else ExitCode.NEGATIVE,
    )


def _chosen(known: Registry, only: tuple[str, ...], *, everything: bool) -> list[Gate]:
    if not only:
        return [gate for gate in known if everything or gate.id in DATA]
    ids = [gate.id for gate in known]
    for name in only:
        if name not in known:
            near = difflib.get_close_matches(name, ids, 1)
            raise usage_error(
                "gate_unknown",
                f"--only {one_line(name, 60)}: there is no such condition",
                f"Did you mean {near[0]}?" if near else f"There are: {', '.join(ids)}",
            )
    return [gate for gate in known if gate.id in only]


def _clause(gate: Gate, found: Measurement, now: datetime) -> Clause:
    verdict = judged(found, gate.ttl, now)
    stale = f" It counts for {span(gate.ttl.total_seconds())}." if verdict is Verdict.STALE else ""
    return Clause(
        id=gate.id,
        title=gate.title,
        verdict=verdict,
        value=found.value,
        threshold=found.threshold,
        why=found.why + stale,
        remedy=found.remedy or ("Do it again: it is too old" if stale else ""),
        age_seconds=max(0.0, (now - found.speaks_of).total_seconds()),
    )


def _print(out: Console, clauses: tuple[Clause, ...], good: bool) -> None:
    rows: list[tuple[str, ...]] = [
        (_SIGNS.get(each.verdict, "!"), each.verdict.value, each.id, each.value, each.threshold, span(each.age_seconds))
        for each in clauses
    ]
    headers: tuple[str, ...] = ("", "", "condition", "found", "needed", "age")
    if out.width < _ROOM:  # what is needed stands below then, where it lacks
        headers = (*headers[:4], headers[5])
        rows = [(*row[:4], row[5]) for row in rows]
    out.print(plain_table(headers, rows, right=(len(headers) - 1,)))
    out.print()
    missing = [each for each in clauses if each.verdict is not Verdict.OK]
    for each in missing:
        out.print(Text(f"{_SIGNS.get(each.verdict, '!')} {each.title}: {one_line(each.why or each.value, 400)}"))
        if out.width < _ROOM:
            out.print(Text(f"  needed: {each.threshold}"))
        if each.remedy:
            out.print(Text(f"  → {one_line(each.remedy, 400)}"))
    met = f"{len(clauses) - len(missing)} of {len(clauses)} conditions are met"
    out.print(Text(f"✓ can commit: {met}" if good else f"✗ cannot commit: {met}"))
