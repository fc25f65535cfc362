"""``doctor``: what is in the way of working, and how to mend it."""

from __future__ import annotations

import asyncio

import click
from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.doctor import Check, examine, overall

_group = click.Group("root")
_SIGNS = {"pass": "✓ pass", "warn": "! warn", "fail": "✗ fail", "unknown": "? unknown"}


@door_command(_group, "doctor")
@click.option("--posthog", is_flag=True, help="Also ask PostHog's host whether it can be reached; no event is sent.")
def command(door: Door, posthog: bool) -> Answer:
    """Examine both servers, rights, extensions, tools, disk, clocks and this terminal; changes nothing."""
    checks = asyncio.run(examine(door.effective, ask_posthog=posthog))

    def people(out: Console) -> None:
        for check in checks:
            _print(out, check)
        counted = {word: sum(check.verdict == word for check in checks) for word in _SIGNS}
        out.print()
        out.print(Text(" · ".join(f"{count} {word}" for word, count in counted.items() if count)))

    return Answer({"checks": checks}, people, overall(checks))


def _print(out: Console, check: Check) -> None:
    out.print(Text(f"{_SIGNS[check.verdict]:<10}{check.title}: {check.value}"))
    if check.remedy and check.verdict != "pass":
        for line in check.remedy.splitlines():
            out.print(Text(f"          → {line}"))
