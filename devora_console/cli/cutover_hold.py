"""How the subcommands of cutover come by a run: which one is meant, who acts, and with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from devora_console.cli.cutover_given import given_of, settings_base
from devora_console.cli.door import Door
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.cutover.opening import Intent
from devora_console.services.cutting import Aim, Cutting, person

_LEAST_REASON = 10


def run_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """RUN, the latest by default."""
    return click.option("--run", "run_id", default="", metavar="RUN", help="A run's id or its last four letters.")(
        function
    )


def who_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """--as NAME, for accounts that several people share."""
    return click.option("--as", "name", metavar="NAME", help="Who acts, where several people share this login.")(
        function
    )


def cutting_of(
    door: Door, runbook: str | None = None, variables: Sequence[str] = (), name: str | None = None
) -> Cutting:
    """The cutover of the settings. ``name`` is who acts, as typed; the login is kept beside it."""
    settings = door.effective.settings
    base = Path.cwd() if runbook else settings_base(door)
    intent = Intent(runbook or settings.cutover.runbook, base, given_of(door, variables))
    login = person()
    if name is None:
        return Cutting(settings, Aim(intent, login, "login"))
    if not one_line(name, 60).strip():
        raise usage_error("who", "--as: should be a name", "Give the name of who acts")
    return Cutting(settings, Aim(intent, f"{one_line(name, 60)} ({login})", "typed"))


def reason_of(text: str, option: str) -> str:
    """A reason that says something. Raises ConsoleError (exit 2)."""
    said = one_line(text, 500).strip()
    if len(said) < _LEAST_REASON:
        raise usage_error("reason", f"{option}: say why, in {_LEAST_REASON} characters or more", "It is exported")
    return said
