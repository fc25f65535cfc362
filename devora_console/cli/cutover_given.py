"""What every subcommand of cutover reads a runbook with: the options, and what the settings say."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from devora_console.cli.door import Door
from devora_console.config.libpq import target
from devora_console.core.problems import ConsoleError, usage_error
from devora_console.cutover.model import Runbook
from devora_console.cutover.runbook import Given, load_runbook
from devora_console.cutover.runbook_values import Surroundings

_VARIABLE = re.compile(r"(?P<name>[a-z][a-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_MOST_MINUTES = 44_640.0


def runbook_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--runbook and --var."""
    function = click.option(
        "--var", "variables", multiple=True, metavar="NAME=VALUE", help="A variable of the runbook (repeatable)."
    )(function)
    return click.option(
        "--runbook", metavar="FILE", help="A file, or big-bang or blue-green (default: cutover.runbook)."
    )(function)


def window_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--window-ends and --window-minutes."""
    function = click.option(
        "--window-minutes", type=click.FloatRange(0, _MOST_MINUTES, min_open=True), help="It ends in so many minutes."
    )(function)
    return click.option("--window-ends", metavar="MOMENT", help="When it ends: 2026-11-28T03:00Z or with an offset.")(
        function
    )


def read_runbook(door: Door, name: str | None, variables: Sequence[str]) -> Runbook:
    """The runbook that is meant. Raises ConsoleError (exit 2) in one line."""
    settings = door.effective.settings.cutover
    given = given_of(door, variables)
    return load_runbook(name or settings.runbook, given, Path.cwd() if name else settings_base(door))


def given_of(door: Door, variables: Sequence[str] = ()) -> Given:
    """What a runbook is read with."""
    return Given(surroundings_of(door), _variables(variables), door.effective.settings.cutover.vars)


def surroundings_of(door: Door) -> Surroundings:
    """What the runbook may refer to, as this console was started. A server that is not configured has no name."""
    settings = door.effective.settings
    return Surroundings(
        console=own_command(door),
        environment=settings.environment,
        mongo_database=settings.mongo.database if settings.mongo.url is not None else "",
        postgres_database=_postgres_database(door),
    )


def own_command(door: Door) -> tuple[str, ...]:
    """The console's own command line, as a runbook's commands have to start it."""
    return (sys.executable, "-m", "devora_console", *door.effective.as_asked())


def window_end(
    door: Door, runbook: Runbook, now: datetime, ends: str | None, minutes: float | None
) -> tuple[datetime, str]:
    """When the window ends, and who says so."""
    if ends is not None and minutes is not None:
        raise usage_error("window", "--window-ends and --window-minutes say the same thing twice", "Give one of them")
    if ends is not None:
        return _moment(ends), "command line"
    configured = door.effective.settings.cutover.window_minutes
    length = minutes or configured or runbook.window_minutes
    given = "command line" if minutes else "configuration" if configured else "runbook"
    return now + timedelta(minutes=length), given


def _moment(written: str) -> datetime:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise usage_error("window", "--window-ends is not a moment", "Write it as 2026-11-28T03:00Z") from None
    if moment.tzinfo is None:
        raise usage_error("window", "--window-ends does not say in which time zone", "Add Z for UTC, or +01:00")
    return moment


def _variables(words: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        match = _VARIABLE.fullmatch(word)
        if match is None:
            raise usage_error("variable", "--var: should be NAME=VALUE, the name of a-z, 0-9 and '_'", "")
        if found.get(match["name"], match["value"]) != match["value"]:
            raise usage_error("variable", f"--var {match['name']}: given twice, with two values", "Give it once")
        found[match["name"]] = match["value"]
    return found


def _postgres_database(door: Door) -> str:
    postgres = door.effective.settings.postgres
    if postgres.dsn is None and not postgres.from_libpq:
        return ""
    try:
        return target(postgres.dsn).database
    except ConsoleError:
        return ""  # told where it is used; a plan of steps that do not name it can be made


def settings_base(door: Door) -> Path:
    """What a runbook's path is relative to: the configuration file's folder when that file names it."""
    effective = door.effective
    in_file = effective.origins["cutover.runbook"].source in ("file", "profile")
    return effective.files[-1].parent if in_file and effective.files else Path.cwd()
