"""What events need to know of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from devora_console.analytics.privacy import Privacy
from devora_console.config.analytics import host_fault, property_names
from devora_console.config.paths import data_dir
from devora_console.config.secret import Secret
from devora_console.config.settings import PostgresSettings, Settings

NO_KEY = "no PostHog key is configured: events stay in the database"


def spool_folder(settings: Settings) -> Path:
    """Where events wait for the database."""
    return settings.analytics.spool or data_dir() / "events"


@dataclass(frozen=True, slots=True)
class Setup:
    """The parts of the settings that matter here. ``fault``: why nothing is sent, '' when it is."""

    folder: Path
    limit: int
    privacy: Privacy
    postgres: PostgresSettings
    key: Secret | None = field(repr=False)
    host: str
    fault: str

    @classmethod
    def of(cls, settings: Settings) -> Setup:
        """As the settings say."""
        given = settings.analytics
        wrong = host_fault(given.capture)
        fault = NO_KEY if given.posthog_api_key is None else f"analytics.posthog_host {wrong}" if wrong else ""
        return cls(
            folder=spool_folder(settings),
            limit=int(given.spool_limit_mb * 1_000_000),
            privacy=Privacy(frozenset(property_names(given.allow)), given.longest_text),
            postgres=settings.postgres,
            key=given.posthog_api_key,
            host=given.capture.rpartition("@")[2] if wrong else given.capture,  # shown, and a password may stand there
            fault=fault,
        )
