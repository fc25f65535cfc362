"""The bare command: open the terminal door on the configured servers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devora_console.cli.door import Door
from devora_console.core.problems import usage_error

if TYPE_CHECKING:
    from devora_console.services.cutting import Aim


def require_terminal() -> None:
    """Raise ConsoleError (exit 2) unless a person sits there."""
    if not all(os.isatty(stream) for stream in (0, 1, 2)):
        raise usage_error("no_terminal", "the console needs a terminal", "Use a command instead: devora-console --help")


def open_console(door: Door) -> int:
    """Open the console and give its exit code."""
    require_terminal()
    from devora_console.services import build_services  # noqa: PLC0415 - drivers and Textual only when wanted
    from devora_console.tui.app import run  # noqa: PLC0415
    from devora_console.tui.ports import TuiOptions  # noqa: PLC0415

    terminal = door.effective.settings.terminal
    options = TuiOptions(unicode=terminal.unicode, theme="devora" if terminal.theme == "auto" else terminal.theme)
    return run(build_services(door.effective, door.guard, aim_of(door)), options)


def aim_of(door: Door) -> Aim:
    """The cutover that a console of these settings walks, and who sits there."""
    from devora_console.cli.cutover_given import given_of, settings_base  # noqa: PLC0415 - as above
    from devora_console.cutover.opening import Intent  # noqa: PLC0415
    from devora_console.services.cutting import Aim, person  # noqa: PLC0415

    intent = Intent(door.effective.settings.cutover.runbook, settings_base(door), given_of(door))
    return Aim(intent, person(), "login")
