"""The paths of a collection and what stands at each: a tree that grows with the documents, up to a limit.

Documents come in batches and are worked off field by field, not document by document: all values of one field are
one list, which is counted in C. Elements of an array stand under ``*``. So do the fields of documents used as maps,
under ever new names: names that look like data from the start, others once a document has had too many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from devora_console.migration.profile_names import is_data, is_private
from devora_console.migration.profile_values import Values

STAR = "*"


@dataclass(frozen=True, slots=True)
class Left:
    """What a tree left out or put together, for those who read its paths."""

    documents: int
    folded: int  # field names of the documents themselves that were folded into ``*``
    too_deep: int
    beyond: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a tree is kept apart."""

    names: int = 300  # different names in documents at one path, before it counts as a map
    kept: int = 60  # of which so many stay, if they are much more frequent than the rest
    paths: int = 2000  # paths of a collection; twice as many with those under ``*``
    depth: int = 100  # MongoDB's own limit for documents it stores


class Node:
    """One path."""

    __slots__ = ("appends", "buffer", "depth", "fields", "folded", "map", "pinned", "star", "values")

    def __init__(self, depth: int, *, private: bool, pinned: bool = False) -> None:
        self.depth = depth
        self.values = Values(private=private)
        self.buffer: list[Any] = []
        self.fields: dict[str, Node] = {}
        self.appends: dict[str, Callable[[Any], None]] = {}  # a field's name to its buffer's append
        self.star: Node | None = None
        self.pinned = pinned  # the mapping names it: never folded
        self.map = False  # new names go to ``star``
        self.folded = 0  # names that went there

    def children(self) -> Iterator[tuple[str, Node]]:
        """The paths below, fields first."""
        yield from self.fields.items()
        if self.star is not None:
            yield STAR, self.star


class Tree:
    """The paths of one collection. ``pinned`` are the mapping's paths, ``secret`` those it calls secret."""

    def __init__(
        self, pinned: Iterable[tuple[str, ...]], secret: Iterable[tuple[str, ...]], limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self.root = Node(0, private=False, pinned=True)
        self.paths = 0
        self.too_deep = 0  # documents and arrays below the deepest level that is looked at
        self.beyond = 0  # values of paths beyond the limit
        self._sink: list[Any] = []
        for path in pinned:
            self._pin(path)
        for path in secret:
            _hide(self._pin(path))

    def _pin(self, path: tuple[str, ...]) -> Node:
        node = self.root
        for name in path:
            child = (node.star if name == STAR else None) or node.fields.get(name)
            if child is None:
                child = self._grow(node, name, private=node.values.private or is_private(name))
            child.pinned = True
            node = child
        return node

    def _grow(self, node: Node, name: str, *, private: bool) -> Node:
        child = Node(node.depth + 1, private=private)
        self.paths += 1
        if name == STAR:
            node.star = child
        else:
            node.fields[name] = child
            node.appends[name] = child.buffer.append
        return child

    def take(self, documents: list[dict[str, Any]]) -> None:
        """Count a batch of documents."""
        self.root.buffer.extend(documents)
        pending = [self.root]
        while pending:
            node = pending.pop()
            if not node.buffer:
                continue
            inner, arrays = node.values.take(node.buffer)
            node.buffer.clear()
            if node.depth >= self._limits.depth:
                self.too_deep += len(inner) + len(arrays)
                continue
            if arrays:
                star = self._star(node)
                for array in arrays:
                    star.extend(array)
            if inner:
                self._spread(node, inner)
            pending.extend(child for _, child in node.children())
        self.beyond += len(self._sink)
        self._sink.clear()

    def _spread(self, node: Node, documents: list[dict[str, Any]]) -> None:
        appends = node.appends
        for document in documents:
            for name, value in document.items():
                append = appends.get(name)
                if append is None:
                    append = self._place(node, name)
                append(value)

    def _place(self, node: Node, name: str) -> Callable[[Any], None]:
        """Where the values of a field go that is not known yet."""
        if not node.map and not is_data(name):
            if len(node.fields) < self._limits.names and self.paths < self._limits.paths:
                private = node.values.private or is_private(name)
                return self._grow(node, name, private=private).buffer.append
            self._fold(node)
        star = self._star(node)
        node.folded += 1
        if node.star is not None and not node.star.values.private and is_private(name):
            _hide(node.star)
        return star.append

    def _star(self, node: Node) -> list[Any]:
        """The buffer of what stands under ``*``; of values that are only counted when the tree is full."""
        if node.star is None:
            if self.paths >= 2 * self._limits.paths:
                return self._sink
            self._grow(node, STAR, private=node.values.private)
        assert node.star is not None
        return node.star.buffer

    def _fold(self, node: Node) -> None:
        """From now on this is a map: its rare names become one path. Frequent ones and the mapping's stay."""
        node.map = True
        counts = {name: child.values.present + len(child.buffer) for name, child in node.fields.items()}
        often = max(counts.values(), default=0) / 10
        frequent = sorted((name for name in counts if counts[name] > max(often, 2)), key=lambda name: -counts[name])
        keep = set(frequent[: self._limits.kept])
        for name, child in list(node.fields.items()):
            if child.pinned or name in keep:
                continue
            del node.fields[name], node.appends[name]
            node.folded += counts[name]
            self.paths -= 1
            self._absorb(node, STAR, child)

    def _absorb(self, node: Node, name: str, other: Node) -> None:
        """Add a node that stood elsewhere to the child ``name`` of this one."""
        child = node.star if name == STAR else node.fields.get(name)
        if child is None:
            child = self._grow(node, name, private=node.values.private or other.values.private)
        child.values.absorb(other.values)
        child.buffer.extend(other.buffer)
        child.map = child.map or other.map
        child.folded += other.folded
        for below, grandchild in other.children():
            full = child.map or len(child.fields) >= self._limits.names
            self.paths -= 1
            self._absorb(child, STAR if full and below not in child.fields else below, grandchild)

    def left(self) -> Left:
        """What is not among the paths."""
        return Left(self.root.values.present, self.root.folded, self.too_deep, self.beyond)

    def nodes(self) -> Iterator[tuple[tuple[str, ...], Node, Node]]:
        """(path, node, its parent) of everything that occurred, parents first."""
        pending: list[tuple[tuple[str, ...], Node, Node]]
        pending = [((name,), child, self.root) for name, child in reversed(list(self.root.children()))]
        while pending:
            path, node, parent = pending.pop()
            if node.values.present:
                yield path, node, parent
            pending.extend(((*path, name), child, node) for name, child in reversed(list(node.children())))


def _hide(node: Node) -> None:
    node.values.hide()
    for _, child in node.children():
        _hide(child)
