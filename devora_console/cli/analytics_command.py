"""``analytics``: its parts are in modules of their own."""

from __future__ import annotations

import click

from devora_console.cli.analytics_metrics import metrics, refresh


@click.group("analytics")
def command() -> None:
    """Product events, from the backend to PostHog, and what the business can be told from them."""


command.add_command(metrics)
command.add_command(refresh)
