"""What changed between two readings of a source. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devora_console.core.safetext import one_line
from devora_console.mongo.freeze.digest import Content


@dataclass(frozen=True, slots=True)
class Change:
    """One collection that is not as it was; ``what`` says how, in words."""

    collection: str
    what: str

    def __str__(self) -> str:
        return f"{one_line(self.collection, 80)}: {self.what}"


def changes(before: Mapping[str, Content], after: Mapping[str, Content]) -> tuple[Change, ...]:
    """Every difference, by collection. Numbers are net: one document more may be three inserted and two deleted."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        what = _change(before.get(name), after.get(name))
        if what:
            found.append(Change(name, what))
    return tuple(found)


def _change(before: Content | None, after: Content | None) -> str:
    if before is None:
        assert after is not None
        return f"created, with {documents(after.documents)}"
    if after is None:
        return f"dropped; it held {documents(before.documents)}"
    held = _content(before, after)
    if before.uuid and after.uuid and before.uuid != after.uuid:
        return f"dropped and made again, {held or 'with the same content'}"
    return held


def _content(before: Content, after: Content) -> str:
    more = after.documents - before.documents
    if more:
        verb = "inserted" if more > 0 else "deleted"
        return f"{verb} {abs(more)} (from {before.documents} to {documents(after.documents)})"
    if before.digest == after.digest:
        return ""
    if before.ids == after.ids:
        return f"same count ({before.documents}), content changed: the same documents were updated"
    return f"same count ({before.documents}), content changed: some were deleted and as many inserted"


def documents(count: int) -> str:
    """A number of documents in words."""
    return f"{count} document{'' if count == 1 else 's'}"
