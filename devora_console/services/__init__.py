"""The composition behind the terminal door: watchers, the migration, and the latest snapshot of each."""

from devora_console.services.console import ConsoleServices, build_services

__all__ = ["ConsoleServices", "build_services"]
