"""``cutover plan|...``: the group. Each subcommand is a module of its own, imported when it is called."""

from __future__ import annotations

import importlib

import click

# One line each: the subcommand, and what it does. Its module is cli/cutover_NAME.py, which registers itself here.
_SUBCOMMANDS = {
    "plan": "Every step, command, probe, way back and time; whether the window suffices.",
}


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _SUBCOMMANDS:
            return None
        importlib.import_module(f"devora_console.cli.cutover_{cmd_name}")
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SUBCOMMANDS.items()))


@click.group("cutover", cls=_Group)
def command() -> None:
    """Walk the runbook: from all checks green to Devora on PostgreSQL, and back as long as there is a way back."""
