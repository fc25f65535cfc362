"""``analytics``: its commands are in modules of their own, which a call for one of them imports."""

from __future__ import annotations

import importlib

import click

# The command, and the module that adds it to the group when it is imported.
_HOMES = {
    "events": "analytics_events_command",
    "flush": "analytics_events_command",
    "status": "analytics_events_command",
    "metrics": "analytics_metrics_command",
    "refresh": "analytics_metrics_command",
}


class _Parts(click.Group):
    """Knows its commands by name before they are imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        home = _HOMES.get(cmd_name)
        if home is None:
            return None
        importlib.import_module(f"devora_console.cli.{home}")
        return self.commands.get(cmd_name)


@click.group("analytics", cls=_Parts)
def command() -> None:
    """Product events, from the backend to PostHog, and what the business can be told from them."""
