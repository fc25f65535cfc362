"""All documents of a plan, collection by collection, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from devora_console.demo.data.accounts import invoice, user
from devora_console.demo.data.plan import Plan
from devora_console.demo.data.scales import COLLECTIONS, Scale
from devora_console.demo.data.sundry import archived, settings, system_config
from devora_console.demo.data.workspaces import conversation, project

BATCH = 500  # documents; the largest, conversations, make about 4 MB of BSON

_MAKERS: dict[str, Callable[[Plan, int], dict[str, Any]]] = {
    "users": user,
    "projects": project,
    "conversations": conversation,
    "invoices": invoice,
    "settings": settings,
    "system_config": system_config,
}


def generate(scale: Scale, seed: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The whole source as (collection, documents), ``_id`` ascending within a collection.

    The same (scale, seed) gives the same bytes of BSON on every machine. Every collection comes at least
    once, and only one batch exists at a time.
    """
    yield from documents_of(Plan(scale, seed))


def documents_of(plan: Plan) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The documents of ``plan`` as :func:`generate` gives them."""
    for collection in COLLECTIONS:
        make = _MAKERS.get(collection) or partial(_archived, collection)
        count = plan.sizes.of(collection)
        for start in range(0, count, BATCH):
            yield collection, [make(plan, index) for index in range(start, min(start + BATCH, count))]


def _archived(collection: str, plan: Plan, index: int) -> dict[str, Any]:
    return archived(plan, collection, index)
