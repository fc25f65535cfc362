"""Backups put together: settings, the shelf, and where else PostgreSQL's programs may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from devora_console.backup.context import Context
from devora_console.backup.shelf import default_shelf
from devora_console.backup.stop import Stop
from devora_console.config.settings import Settings
from devora_console.demo.binaries import client_folder


def backup_context(settings: Settings, narrate: Callable[[str], None] = lambda line: None) -> Context:
    """What acts on backups and their gates work with. The programs of the demo's server count when they are installed:
    the demo's server may be newer than those of the system.
    """
    return Context(settings, default_shelf(), _demo_tools, narrate, stop=Stop())


def _demo_tools() -> Sequence[Path]:
    folder = client_folder()
    return (folder,) if folder else ()
