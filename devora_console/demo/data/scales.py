"""How much data each scale holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scale(StrEnum):
    """How large a source to make: 1,247 messages, about 200,000, or about two million."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Number of documents per collection; ``messages`` are embedded in the conversations.

    A conversation finds its owner through the one project that names it, so there are always more projects
    than conversations.
    """

    users: int
    projects: int
    conversations: int
    messages: int
    invoices: int
    templates: int
    template_ratings: int
    template_downloads: int
    template_purchases: int
    processed_webhooks: int
    oauth_states: int
    commits: int
    settings: int = 1
    system_config: int = 1

    def of(self, collection: str) -> int:
        """Number of documents of ``collection``."""
        return int(getattr(self, collection))


SIZES: dict[Scale, Sizes] = {
    Scale.SMALL: Sizes(150, 342, 89, 1_247, 45, 12, 30, 40, 8, 60, 5, 50),
    Scale.MEDIUM: Sizes(3_000, 16_000, 14_000, 200_000, 2_500, 120, 900, 2_000, 150, 3_200, 40, 2_400),
    Scale.LARGE: Sizes(
        users=30_000,
        projects=160_000,
        conversations=140_000,
        messages=2_000_000,
        invoices=25_000,
        templates=600,
        template_ratings=9_000,
        template_downloads=20_000,
        template_purchases=1_500,
        processed_webhooks=32_000,
        oauth_states=200,
        commits=24_000,
    ),
}

# The order in which collections are generated, filled and dumped.
COLLECTIONS = (
    "users",
    "projects",
    "conversations",
    "invoices",
    "settings",
    "system_config",
    "templates",
    "template_ratings",
    "template_downloads",
    "template_purchases",
    "processed_webhooks",
    "oauth_states",
    "commits",
)

# Collections that no table of the target takes: every document of theirs is archived.
ARCHIVED = frozenset(COLLECTIONS) - {"users", "projects", "conversations", "invoices", "system_config"}

# The embedded arrays whose elements are counted, per collection.
ARRAYS: dict[str, tuple[str, ...]] = {
    "projects": ("files", "conversation_history"),
    "conversations": ("messages",),
}
