"""What every act on backups works with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devora_console.backup.stop import Stop
from devora_console.config.secret import Dsn
from devora_console.config.settings import Settings
from devora_console.core.problems import usage_error
from devora_console.postgres.target import Target


def _none() -> Sequence[Path]:
    return ()


def _silent(line: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Context:
    """Settings, the shelf, where else PostgreSQL's programs may be, whom to tell, and whether to stop."""

    settings: Settings
    shelf: Path
    tool_folders: Callable[[], Sequence[Path]] = _none
    narrate: Callable[[str], None] = _silent
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    stop: Stop = field(default_factory=Stop)

    def postgres(self) -> Dsn | None:
        """The configured PostgreSQL, None for libpq's variables. Exit 2 when nothing names one."""
        return Target(self.settings.postgres).dsn()

    def postgres_admin(self) -> Dsn | None:
        """Who makes databases there: the superuser when one is configured, else who we are anyway."""
        return self.settings.postgres.superuser_dsn or self.postgres()

    def mongo(self) -> Dsn:
        """The configured MongoDB. Exit 2 when there is none."""
        url = self.settings.mongo.url
        if url is None:
            raise usage_error(
                "mongo_missing", "no MongoDB is configured", "Set MONGO_URL, or mongo.url in the configuration"
            )
        return url
