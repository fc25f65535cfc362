"""``analytics``: its parts are in modules of their own."""

from __future__ import annotations

import click


@click.group("analytics")
def command() -> None:
    """Product events, from the backend to PostHog, and what the business can be told from them."""
