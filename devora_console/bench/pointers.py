"""Where in a document a value is: a JSON Pointer, in which ``*`` stands for every element of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def found(document: Any, pointer: str) -> Iterator[Any]:
    """The values at the pointer; none where it leads nowhere.

    >>> list(found({"messages": [{"id": 1}, {"id": 2}, {}]}, "/messages/*/id"))
    [1, 2]
    >>> list(found({"id": None}, "/id"))
    []
    """
    nodes = [document]
    for part in pointer.split("/")[1:]:
        nodes = list(_under(nodes, part))
    yield from (node for node in nodes if node is not None)


def _under(nodes: list[Any], part: str) -> Iterator[Any]:
    for node in nodes:
        if part == "*" and isinstance(node, list):
            yield from node
        elif isinstance(node, dict) and part in node:
            yield node[part]
