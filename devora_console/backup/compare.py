"""Two sides of a backup, compared by name: counts, and content where both sides know it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devora_console.backup.model import Content, Difference
from devora_console.core.unknown import Unknown


def compare(expected: Iterable[Content], found: Iterable[Content]) -> tuple[Difference, ...]:
    """What differs. A collection or table that one side lacks counts only when the other has something in it;
    what a side does not know is not compared."""
    ours = {each.name: each for each in expected}
    theirs = {each.name: each for each in found}
    differences = []
    for name in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(name), theirs.get(name)
        if one is None or other is None:
            present = one or other
            assert present is not None
            if present.count != 0:
                differences.append(_lacking(name, one, other))
        elif one.count is not None and other.count is not None and one.count != other.count:
            differences.append(Difference(name, one.count, other.count))
        elif one.digest and other.digest and one.digest != other.digest:
            differences.append(Difference(name, _count(one), _count(other), content=True))
    return tuple(differences)


def compare_objects(expected: Mapping[str, int], found: Mapping[str, int]) -> tuple[Difference, ...]:
    """Kinds of objects whose number differs; a database may have more extensions than were dumped."""
    return tuple(
        Difference(kind, count, found.get(kind, 0))
        for kind, count in expected.items()
        if found.get(kind, 0) != count and not (kind == "extensions" and found.get(kind, 0) > count)
    )


def _lacking(name: str, one: Content | None, other: Content | None) -> Difference:
    missing = Unknown("it is not there", "")
    return Difference(name, _count(one) if one else missing, _count(other) if other else missing)


def _count(content: Content) -> int | Unknown:
    return Unknown("not counted", "") if content.count is None else content.count
