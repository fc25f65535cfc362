"""``{name}`` and ``{name|like}`` in what is asked: found, and replaced by values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

WAYS = ("regex", "like")
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?:\|([A-Za-z]*))?\}")


def places(text: str) -> list[tuple[str, str]]:
    """The (name, way) of each placeholder; '' where nothing is to be escaped.

    >>> places("a = {user}::uuid AND b LIKE {word|like}")
    [('user', ''), ('word', 'like')]
    """
    return [(found[1], found[2] or "") for found in _PLACE.finditer(text)]


def escaped(value: Any, way: str) -> Any:
    """A value as a pattern that means only itself.

    >>> escaped("50 %", "like"), escaped("a.b", "regex")
    ('50 \\\\%', 'a\\\\.b')
    """
    if way == "like":
        return re.sub(r"([\\%_])", r"\\\1", str(value))
    if way == "regex":
        # re.escape also escapes spaces and more, which PCRE would not mind; only what means something is needed.
        return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", str(value))
    return value


def bound(statement: str, values: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A statement with numbered parameters, and their texts.

    >>> bound("id = {user}::uuid OR id = {user}::uuid", {"user": "u1"})
    ('id = ($1::text)::uuid OR id = ($1::text)::uuid', ['u1'])
    """
    texts: list[str] = []
    numbers: dict[tuple[str, str], int] = {}

    def number(found: re.Match[str]) -> str:
        place = (found[1], found[2] or "")
        if place not in numbers:
            texts.append(str(escaped(values[place[0]], place[1])))
            numbers[place] = len(texts)
        return f"(${numbers[place]}::text)"

    return _PLACE.sub(number, statement), texts


def filled(node: Any, values: Mapping[str, Any]) -> Any:
    """Data with its placeholders replaced: one that is a whole text keeps the value's type.

    >>> filled({"id": {"$in": "{theirs}"}, "t": "^{word|regex}"}, {"theirs": [1, 2], "word": "c++"})
    {'id': {'$in': [1, 2]}, 't': '^c\\\\+\\\\+'}
    """
    if isinstance(node, Mapping):
        return {key: filled(inner, values) for key, inner in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str | bytes):
        return [filled(inner, values) for inner in node]
    if not isinstance(node, str):
        return node
    whole = _PLACE.fullmatch(node)
    if whole is not None:
        return escaped(values[whole[1]], whole[2] or "")
    return _PLACE.sub(lambda found: str(escaped(values[found[1]], found[2] or "")), node)


def places_of(node: Any) -> list[tuple[str, str]]:
    """The placeholders anywhere in data.

    >>> places_of([{"a": "{user}"}, "{word|regex}"])
    [('user', ''), ('word', 'regex')]
    """
    if isinstance(node, str):
        return places(node)
    if isinstance(node, Mapping):
        return [each for inner in node.values() for each in places_of(inner)]
    if isinstance(node, Sequence) and not isinstance(node, bytes):
        return [each for inner in node for each in places_of(inner)]
    return []
