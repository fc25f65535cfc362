"""From the settings to what is asked."""

from __future__ import annotations

from devora_console.config.settings import Settings
from devora_console.search.model import Asked, Filters, Knobs, Method


def knobs_of(settings: Settings) -> Knobs:
    """The knobs as they are configured."""
    found = settings.search
    return Knobs(
        weights={
            Method.FTS: found.fts_weight,
            Method.TRIGRAM: found.trigram_weight,
            Method.SEMANTIC: found.semantic_weight,
        },
        k=found.fusion_k,
        candidates=found.candidates,
        ef_search=found.ef_search,
        trigram_threshold=found.trigram_threshold,
    )


def asked_of(
    settings: Settings,
    text: str,
    *,
    user: str | None = None,
    as_owner: bool = False,
    filters: Filters | None = None,
    limit: int | None = None,
) -> Asked:
    """An ask with the configured knobs and limit."""
    return Asked(text, user, as_owner, filters or Filters(), limit or settings.search.limit, knobs_of(settings))
