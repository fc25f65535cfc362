"""Every metric of the exporter, declared once: collected, documented, drawn and alerted by this list."""

from __future__ import annotations

from devora_console.analytics.exporter import of_console, of_health, of_migration, of_product, of_sessions
from devora_console.analytics.exporter.family import PREFIX, Family

FAMILIES: tuple[Family, ...] = (
    *of_console.FAMILIES,
    *of_sessions.FAMILIES,
    *of_health.FAMILIES,
    *of_migration.FAMILIES,
    *of_product.FAMILIES,
)

UNKNOWN = f"{PREFIX}unknown"
AGE = f"{PREFIX}sample_age_seconds"
OWN = {
    UNKNOWN: "1 for each metric that cannot be told now; it is absent then, never 0. devora-console metrics print "
    "--json says why.",
    AGE: "How long ago each kind of sample was taken.",
}
"""What tells of the others."""


def names() -> frozenset[str]:
    """Every name that may be emitted."""
    return frozenset({each.full for each in FAMILIES} | OWN.keys())
