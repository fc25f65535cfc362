"""``cutover delta mark|show|export``: what was written to the target since a mark, which going back would lose."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.cutover_command import command
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.delta import TableDelta
from devora_console.services.plan_b import keep, lost, take_mark

_FILE = click.Path(path_type=Path, dir_okay=False)


@command.group("delta")
def group() -> None:
    """What was written to PostgreSQL since a mark: past the point of no return, going back loses exactly that."""


@door_command(group, "mark")
@click.option("--file", "path", type=_FILE, required=True, help="Where the mark is kept.")
def _mark(door: Door, path: Path) -> Answer:
    """Remember what the target holds now; every table is counted once."""
    taken = asyncio.run(take_mark(door.effective.settings, path))
    rows = sum(each.rows for each in taken.tables)
    words = f"✓ marked: {rows} rows in {len(taken.tables)} tables at {taken.at}, in {one_line(str(path), 160)}"
    return Answer({"at": taken.at, "path": str(path), "tables": taken.tables}, lambda out: out.print(Text(words)))


@door_command(group, "show")
@click.option("--since", "path", type=_FILE, required=True, help="The mark.")
def _show(door: Door, path: Path) -> Answer:
    """Rows written since, by table. Exit 1 when there are any."""
    found = asyncio.run(lost(door.effective.settings, path))
    if isinstance(found, Unknown):
        raise ConsoleError.of(ExitCode.USAGE, "delta_unknown", found.reason, found.remedy)
    return Answer({"tables": found}, lambda out: print_delta(out, found), ExitCode.NEGATIVE if found else ExitCode.DONE)


@door_command(group, "export")
@click.option("--since", "path", type=_FILE, required=True, help="The mark.")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR")
def _export(door: Door, path: Path, folder: Path) -> Answer:
    """Write those rows as JSON lines, a file per table."""
    written = asyncio.run(keep(door.effective.settings, path, folder))

    def show(out: Console) -> None:
        for name, count in written.items():
            out.print(Text(f"✓ {count} rows of {name}"))
        if not written:
            out.print(Text("Nothing was written since."))

    return Answer({"path": str(folder), "rows": written}, show)


def print_delta(out: Console, found: Sequence[TableDelta]) -> None:
    """The rows that going back would lose."""
    for each in found:
        gone = f"{each.lost} of those at the mark changed or gone"
        out.print(Text(f"{one_line(each.name, 80)}: {each.written} rows new or changed since, {gone}"))
    if not found:
        out.print(Text("Nothing was written since the mark."))
