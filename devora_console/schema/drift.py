"""Compare two catalogues: pure functions, no server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.schema.catalogue import Catalogue, Properties
from devora_console.schema.remedies import create, drop, mend

# Locate an object for its remedy; they are part of its name, so they cannot differ.
_NAMES = frozenset({"table", "name", "constraint"})
# Texts the server prints from a parsed expression: another major version may print the same expression otherwise.
_PRINTED = frozenset({"definition", "default", "using", "with_check", "partition", "partitioned"})
_PARENTS = ("table", "view", "materialized view")
_WORDS = {"O": "enabled", "D": "disabled", "A": "enabled always", "R": "enabled on replicas"}


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. ``aspect`` is the property that differs; ``object``: the whole object is missing or extra.

    ``expected`` and ``found`` are None where there is nothing; ``found`` is an Unknown where the two texts
    cannot be compared. ``remedy`` is SQL that restores what was recorded, where SQL alone can.
    """

    kind: str
    object: str
    aspect: str
    expected: str | None
    found: str | Unknown | None
    remedy: str


def compare(expected: Catalogue, found: Catalogue, *, same_major: bool) -> tuple[Drift, ...]:
    """Every difference, sorted by kind, object and aspect."""
    differences: list[Drift] = []
    for kind in sorted(expected.keys() | found.keys()):
        before, now = expected.get(kind, {}), found.get(kind, {})
        for name in sorted(before.keys() | now.keys()):
            if name not in now:
                if not _goes_with_parent(kind, before[name], expected, found):
                    whole = _shown(before[name].get("definition", "present"))
                    differences.append(Drift(kind, name, "object", whole, None, create(kind, name, before[name])))
            elif name not in before:
                if not _goes_with_parent(kind, now[name], found, expected):
                    whole = _shown(now[name].get("definition", "present"))
                    differences.append(Drift(kind, name, "object", None, whole, drop(kind, name, now[name])))
            else:
                differences += _properties(kind, name, before[name], now[name], same_major)
    return _one_owner(differences)


def _goes_with_parent(kind: str, thing: Properties, here: Catalogue, there: Catalogue) -> bool:
    """Whether a missing (or extra) thing needs no line: its whole table is missing, or it is a key's index."""
    if kind == "index" and thing["constraint"]:
        return True
    table = thing.get("table")
    return any(table in here.get(parent, {}) and table not in there.get(parent, {}) for parent in _PARENTS)


def _properties(kind: str, name: str, before: Properties, now: Properties, same_major: bool) -> Iterator[Drift]:
    for aspect in sorted((before.keys() | now.keys()) - _NAMES):
        old, new = before.get(aspect), now.get(aspect)
        if old == new:
            continue
        if isinstance(old, dict) or isinstance(new, dict):
            yield from _entries(kind, name, aspect, old or {}, new or {})
            continue
        shown: str | Unknown | None = _shown(new)
        remedy = mend(kind, name, aspect, before, now)
        if aspect in _PRINTED and not same_major and old is not None and new is not None:
            shown = Unknown(
                f"recorded by another major version, which may print it differently; now: {shown}",
                "compare the two texts; `accept` records the live one",
            )
            remedy = "compare the two texts, then accept the live catalogue"
        yield Drift(kind, name, aspect, _shown(old), shown, remedy)


def _entries(kind: str, name: str, aspect: str, before: dict[str, str], now: dict[str, str]) -> Iterator[Drift]:
    """Differences inside a map: rights by grantee, dictionaries by token."""
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            old, new = before.get(key), now.get(key)
            remedy = mend(kind, name, aspect, {"key": key, "value": old}, {"key": key, "value": new})
            yield Drift(kind, name, f"{aspect}: {key}", old, new, remedy)


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _WORDS.get(value, value) if isinstance(value, str) else json.dumps(value)


def _one_owner(differences: list[Drift]) -> tuple[Drift, ...]:
    """A database restored under another owner differs in one thing, not in a hundred."""
    owners = [d for d in differences if d.aspect == "owner" and d.kind != "schema"]
    pairs = {(d.expected, d.found) for d in owners}
    if len(owners) < 10 or len(pairs) > 1:
        return tuple(differences)
    expected, found = next(iter(pairs))
    rest = [d for d in differences if d not in owners]
    remedy = f"if that is not meant, as a superuser: REASSIGN OWNED BY {found} TO {expected};"
    return (Drift("database", f"all {len(owners)} objects", "owner", expected, found, remedy), *rest)
