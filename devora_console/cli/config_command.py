"""``config show|check|path|init``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.config import example, show
from devora_console.core.safetext import one_line


@click.group("config")
def command() -> None:
    """Show, check, locate or write the configuration."""


@door_command(command, "show")
def _show(door: Door) -> Answer:
    """Effective settings, each with where it came from; secrets redacted."""
    shown = show.show(door.effective)

    def people(out: Console) -> None:
        table = Table(box=None, pad_edge=False)
        table.add_column("key", no_wrap=True)
        table.add_column("value", overflow="fold")
        table.add_column("from", no_wrap=True)
        for row in shown.rows:
            value = "not set" if row.value is None else one_line(str(row.value), 120)
            source = (
                row.origin.source
                if row.origin.source == row.origin.where
                else f"{row.origin.source}: {row.origin.where}"
            )
            table.add_row(Text(row.key), Text(value), Text(one_line(source, 120)))
        out.print(table)

    keys = {"settings": shown.settings, "origins": shown.origins, "profile": shown.profile, "files": shown.files}
    return Answer(keys, people, problems=shown.problems)


@door_command(command, "check")
def _check(door: Door) -> Answer:
    """Judge files, environment and every profile strictly; connects to nothing."""
    checked = show.check(config_file=door.config_file, profile=door.profile)

    def people(out: Console) -> None:
        for problem in checked.errors:
            out.print(Text(f"✗ {problem}"))
        for problem in checked.warnings:
            out.print(Text(f"! {problem}"))
        if checked.ok:
            out.print(Text("✓ the configuration is good"))

    keys = {
        "errors": checked.errors,
        "warnings": checked.warnings,
        "profiles": checked.profiles,
        "files": checked.files,
    }
    problems = () if not door.as_json else (*checked.errors, *checked.warnings)
    return Answer(keys, people, checked.exit_code, problems)


@door_command(command, "path")
def _path(door: Door) -> Answer:
    """Where the configuration is looked for, and where data, state and logs are kept."""
    places = show.locations(config_file=door.config_file)

    def people(out: Console) -> None:
        out.print(Text(f"config  {places.config or 'none found'}"))
        for path in places.searched:
            out.print(Text(f"        looked for {path}"))
        out.print(Text(f".env    {places.env_file or 'none in this directory'}"))
        for name, path in (("data", places.data), ("state", places.state), ("log", places.log)):
            out.print(Text(f"{name:<7} {path}"))

    return Answer({"locations": places}, people)


@door_command(command, "init")
@click.argument("path", type=click.Path(path_type=Path), required=False)
def _init(door: Door, path: Path | None) -> Answer:
    """Write an example configuration to PATH (default: the user's own place); never overwrites."""
    written = example.init(path)
    return Answer({"written": written}, lambda out: out.print(Text(f"✓ wrote {written}")))
