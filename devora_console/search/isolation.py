"""Whether what was found belongs to whom it was searched for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from devora_console.core.unknown import Unknown
from devora_console.search.model import Asked, Isolation, MethodAnswer

Key = tuple[str, str]


def isolation(asked: Asked, answers: Iterable[MethodAnswer], unreadable: Collection[Key]) -> Isolation | Unknown:
    """The check of one ask. ``unreadable``: found by a leg, but not to be read with the caller's rights."""
    if asked.user is None:
        return Unknown("everybody's documents were searched: there is nobody to keep apart", "Search as a user")
    owners = {hit.key: hit.owner for answer in answers for hit in answer.hits}
    if not owners and not unreadable:
        return Unknown("nothing was found that could be checked")
    strangers = {key for key, owner in owners.items() if owner != asked.user.lower()} | set(unreadable)
    return Isolation(len(owners.keys() | set(unreadable)), tuple(sorted(strangers)))
