"""``indexes``: what is wrong with the indexes of the target, and the SQL that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from textwrap import wrap

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.cli.tables import plain_table
from devora_console.cli.visiting import as_guest
from devora_console.core.console import Verdict
from devora_console.core.problems import ExitCode, Problem, usage_error
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.postgres.advice import read_advised
from devora_console.postgres.indexes import (
    Finding,
    Guided,
    IndexesSnapshot,
    Kind,
    Measurement,
    guide,
    measure,
    read,
)
from devora_console.postgres.indexes.advised import Advice
from devora_console.postgres.watch.guest import Guest
from devora_console.tui.render.advice import advice_headline, advice_lines
from devora_console.tui.render.indexes import amount, grouped, headline, of_what, state, title, window_words
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import plural, size

_group = click.Group("root")
_CHOICES = {
    "unused": (Kind.UNUSED, Kind.RARELY_USED),
    "duplicate": (Kind.DUPLICATE, Kind.PREFIX),
    "missing_fk": (Kind.MISSING_FK,),
    "invalid": (Kind.INVALID, Kind.BUILDING),
    "bloated": (Kind.BLOATED,),
    "suggested": (Kind.SUGGESTED,),
    "kept": (Kind.KEPT,),
}
_INDENT = " " * 15
_LOOK = Look()
_GUIDED = 50


@door_command(_group, "indexes")
@click.option("--unused", is_flag=True, help="Unused and rarely used ones.")
@click.option("--duplicate", is_flag=True, help="Duplicates, and prefixes of others.")
@click.option("--missing-fk", is_flag=True, help="Foreign keys that no index serves.")
@click.option("--invalid", is_flag=True, help="Not valid, or being built.")
@click.option("--bloated", is_flag=True, help="Bloated, by estimate.")
@click.option("--suggested", is_flag=True, help="Indexes that slow statements ask for, by estimate; plans some.")
@click.option("--kept", is_flag=True, help="Hardly scanned, but needed, and why.")
@click.option("--all", "everything", is_flag=True, help="All of these; without options all but --kept.")
@click.option("--guide", "guided", is_flag=True, help="The guide's two questions about indexes, corrected.")
@click.option(
    "--measure", "measured", metavar="NAME", help="Measure one btree with pgstatindex, which reads all of it."
)
def command(door: Door, /, everything: bool, guided: bool, measured: str | None, **chosen: bool) -> Answer:
    """Judge the indexes of the target: what is wrong, why, how sure that is, and the SQL. Changes nothing."""
    names = [name for name, wanted in chosen.items() if wanted]
    if (guided or measured is not None) and (names or everything or (guided and measured is not None)):
        raise usage_error("usage", "--guide and --measure stand alone", "Leave the other options out")
    if guided:
        return _guide_answer(as_guest(door, "indexes", guide))
    settings = door.effective.settings.indexes
    if measured is not None:
        return _measured(door, measured, settings.bloat_percent)
    kept = everything or chosen["kept"]
    if everything or not names or chosen["suggested"]:
        snapshot = as_guest(door, "indexes", lambda guest: read_advised(guest, settings, kept=kept))
    else:
        snapshot = as_guest(door, "indexes", lambda guest: read(guest, settings, kept=kept))
    if everything:
        names = list(_CHOICES)
    kinds = {kind for name in names or set(_CHOICES) - {"kept"} for kind in _CHOICES[name]}
    findings = [each for each in snapshot.findings if each.kind in kinds]
    return _answer(snapshot, findings)


def _answer(snapshot: IndexesSnapshot, findings: Sequence[Finding]) -> Answer:
    failed = any(each.verdict is Verdict.FAIL for each in findings)
    keys = {
        "database": snapshot.database,
        "stats_window": snapshot.stats_window,
        "counted_since": snapshot.counted_since,
        "headline": headline(snapshot),
        "indexes": snapshot.count,
        "size_bytes": snapshot.size_bytes,
        "findings": findings,
        "suggested": _asked(snapshot.advice),
        "notes": snapshot.notes,
        "thresholds": snapshot.thresholds,
    }
    if isinstance(snapshot.count, Unknown):
        problem = Problem("indexes", f"The indexes could not be read: {snapshot.count.reason}", snapshot.count.remedy)
        return Answer(keys, lambda out: None, ExitCode.NEGATIVE, (problem,))

    def people(out: Console) -> None:
        _lines(out, "", headline(snapshot))
        for finding, members in grouped(findings):
            out.print()
            _print(out, finding, members)
        if not findings:
            _lines(out, "", "Nothing was found of what was asked for.")
        out.print()
        if said := advice_headline(snapshot):
            _lines(out, "", said)
            for line in advice_lines(snapshot):
                _lines(out, "  ", line)
            out.print()
        for note in snapshot.notes:
            _lines(out, "note: ", note)
        _lines(out, "", window_words(snapshot))
        _lines(out, "thresholds: ", ", ".join(f"{name} {value:g}" for name, value in snapshot.thresholds.items()))

    return Answer(keys, people, ExitCode.NEGATIVE if failed else ExitCode.DONE)


def _asked(advice: Advice | Unknown | None) -> object:
    """Which statements were asked, and why the others suggest nothing; what they suggest is among the findings."""
    if not isinstance(advice, Advice):
        return advice
    return {each.name: getattr(advice, each.name) for each in fields(advice) if each.name != "suggestions"}


def _print(out: Console, finding: Finding, members: Sequence[Finding]) -> None:
    named = finding.table and finding.kind is not Kind.SUGGESTED
    where = f" on {one_line(finding.table, 120)}" if named else ""
    head = f"{state(finding, _LOOK):<15}{one_line(title(finding), 160)}{where}  {of_what(finding)}{amount(finding)}"
    out.print(Text(head))
    _lines(out, _INDENT, finding.reason)
    if members:
        for each in members[:20]:
            _lines(out, f"{_INDENT}  ", f"{title(each)} on {each.table}, {amount(each)}: {each.reason}")
        if len(members) > 20:
            _lines(out, f"{_INDENT}  ", f"… and {plural(len(members) - 20, 'more', 'more')}; --json lists all")
        return
    _lines(out, _INDENT, f"sure: {finding.confidence}")
    for note in finding.notes:
        _lines(out, f"{_INDENT}· ", note)
    for line in safe(finding.remedy_sql).splitlines():
        out.print(Text(f"{_INDENT}→ {line}"))  # not folded: it is copied


def _lines(out: Console, indent: str, words: str) -> None:
    """Words folded at the width of the terminal, the lines after the first indented as far."""
    width = max(40, out.width - len(indent))
    for at, line in enumerate(wrap(one_line(words, 2_000), width, break_on_hyphens=False) or [""]):
        out.print(Text((indent if not at else " " * len(indent)) + line))


def _guide_answer(questions: Sequence[Guided]) -> Answer:
    def people(out: Console) -> None:
        for each in questions:
            out.print(Text(each.name, style="bold"))
            _lines(out, "corrected: ", each.corrected)
            out.print(Text(each.sql))
            out.print()
            if isinstance(each.rows, Unknown):
                _lines(out, "", f"? {each.rows.reason}")
            elif each.rows:
                numbers = [at for at, value in enumerate(each.rows[0].values()) if isinstance(value, int)]
                shown = [tuple(str(value) for value in row.values()) for row in each.rows[:_GUIDED]]
                out.print(plain_table(tuple(each.rows[0]), shown, right=numbers))
                if len(each.rows) > _GUIDED:
                    _lines(out, "", f"… and {plural(len(each.rows) - _GUIDED, 'row')} more; --json gives all")
            else:
                _lines(out, "", "No rows.")
            out.print()

    return Answer({"guide": questions}, people)


def _measured(door: Door, name: str, enough: float) -> Answer:
    found = as_guest(door, "indexes", lambda guest: _find_and_measure(guest, name))
    if isinstance(found, Unknown):
        problem = Problem("unmeasured", f"{one_line(name, 120)} was not measured: {found.reason}", found.remedy)
        return Answer({"measurement": found}, lambda out: None, ExitCode.NEGATIVE, (problem,))
    return Answer({"measurement": found}, lambda out: _print_measurement(out, found, enough))


async def _find_and_measure(guest: Guest, name: str) -> Measurement | Unknown:
    rows = await guest.ask("index_names", seconds=20.0)
    if isinstance(rows, Unknown):
        return rows
    oids = [row["oid"] for row in rows if name in (row["name"], row["qualified"], row["quoted"])]
    if len(oids) == 1:
        return await measure(guest, oids[0])
    if oids:
        where = ", ".join(row["qualified"] for row in rows if row["oid"] in oids[:5])
        raise usage_error("ambiguous", one_line(f"several indexes have this name: {where}", 400), "Give the schema too")
    near = get_close_matches(name, {row["name"] for row in rows} | {row["qualified"] for row in rows}, 1)
    hint = f"Did you mean {near[0]}?" if near else "Names are as in the catalogue, with the schema where it matters"
    raise usage_error("absent", f"there is no index {one_line(name, 120)}", one_line(hint, 200))


def _percent(value: float | Unknown) -> str:
    return f"? ({value.reason})" if isinstance(value, Unknown) else f"{value:.1f} %"


def _print_measurement(out: Console, found: Measurement, enough: float) -> None:
    percent = 100 * found.reclaimable_bytes / max(1, found.size_bytes)
    out.print(Text(f"{one_line(found.index)}: {size(found.size_bytes)}, measured"))
    lines = (
        f"leaf pages are {_percent(found.leaf_density)} full; the fill factor is {found.fill_factor:.0f} %",
        f"fragmentation of leaf pages {_percent(found.fragmentation)}",
        f"{plural(found.empty_pages, 'empty page')}, {plural(found.deleted_pages, 'deleted page')}",
        f"a rebuild would give back about {size(found.reclaimable_bytes)}, {percent:.0f} %"
        + ("" if percent >= enough else f"; worth it from indexes.bloat_percent = {enough:g} on"),
    )
    for line in lines:
        out.print(Text(f"  {line}"))
    if percent >= enough:
        out.print(Text(f"  → {safe(found.remedy_sql)}"))
