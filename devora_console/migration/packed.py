"""A batch of raw documents to rows at once: column by column where every value is plain, one by one where it is not.

The result is what :func:`~devora_console.migration.convert.convert` gives for each document, with the rows of array
elements packed already. A document with anything unusual in it goes through ``convert`` itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, repeat
from typing import Any

import bson

from devora_console.migration.columns import Counts, uuid_cells
from devora_console.migration.convert import convert
from devora_console.migration.encode import INT32, INT64, NULL, decode_moment, encode_jsonb, wire
from devora_console.migration.items import Judge, Reader, Table, add, octets, repeat_null
from devora_console.migration.plan import ChildPlan, CollectionPlan, ColumnPlan, TablePlan
from devora_console.migration.rows import Converted, Packed, derived_key, key_text
from devora_console.migration.rules import Refusal
from devora_console.mongo.bsonio import UNREADABLE
from devora_console.mongo.codec import CODEC
from devora_console.mongo.ejson import is_readable_id, source_id

# Decoded documents of one part stay in the processor's cache: whole batches at once take a third longer.
_PART = 320 * 1024
_ORDINALS = [wire(INT32.pack(each)) for each in range(1024)]


class Packer:
    """Converts batches of one collection. Make one per process and keep it: it learns recurring values."""

    def __init__(self, plan: CollectionPlan) -> None:
        self._plan = plan
        children = [child.child.path for child in plan.children]
        self._plain = _is_plain(plan)
        if self._plain:
            self._root = Reader(plan.root, ("_id", *(path[0] for path in children)))
            self._judge = Judge(plan.root)
            self._children = [_Elements(child, plan.root) for child in plan.children]
            self._doubtful: set[int] = set()
            self._able = self._judge.able and all(child.judge.able for child in self._children)
        self.exact = self._plain
        """Whether decoding has lost nothing of any document of the last call."""

    def __call__(self, raws: Sequence[bytes], *, exact: bool = False) -> list[Converted | Refusal]:
        """For each raw document its rows before decisions, or why it is refused.

        ``exact``: these very bytes were decoded before, and :attr:`exact` held. It is not tested again.
        """
        self.exact = self._plain
        self._decode = _decoded if exact else _exact
        result: list[Converted | Refusal] = []
        part: list[bytes] = []
        size = 0
        for raw in raws:
            part.append(raw)
            size += len(raw)
            if size >= _PART:
                result += self._some(part)
                part, size = [], 0
        return result + self._some(part)

    def _some(self, raws: list[bytes]) -> list[Converted | Refusal]:
        found = self._short(raws) if self._plain else {}
        return [found[at] if at in found else self._long(raw) for at, raw in enumerate(raws)]

    def _long(self, raw: bytes) -> Converted | Refusal:
        try:
            return convert(raw, self._plan)
        except Refusal as why:
            return why

    def _short(self, raws: Sequence[bytes]) -> dict[int, Converted]:
        """The documents in which everything is plain, by their place in the batch."""
        places, documents = [], []
        for at, raw in enumerate(raws):
            document = self._decode(raw)
            if document is None:
                self.exact = False
            elif self._has_arrays(document):
                places.append(at)
                documents.append(document)
        if not documents:
            return {}
        keys = self._keys(documents)
        root = self._root.read(documents)
        for at, (document, key) in enumerate(zip(documents, keys, strict=True)):
            if key is None or document.get("_id") is None:
                root.bad.add(at)
        root.columns[self._plan.root.key_index] = keys
        self._octets(root)
        good = [at for at in range(len(documents)) if at not in root.bad]
        for child in self._children:
            good = child.read(documents, good, keys, root)
        self._doubtful = self._judge.doubtful(root.columns)
        made = {places[at]: each for at in good if (each := self._make(documents[at], at, root)) is not None}
        for child in self._children:
            child.forget()
        return made

    def _has_arrays(self, document: dict[str, Any]) -> bool:
        return all(type(document.get(child.name)) is list for child in self._children)

    def _keys(self, documents: list[dict[str, Any]]) -> list[bytes | None]:
        key = self._plan.root.key
        assert key.path is not None
        values = [document.get(key.path[0]) for document in documents]
        if key.type == "uuid":
            return uuid_cells(values)
        return [_text_key(value) for value in values]

    def _octets(self, root: Table) -> None:
        octets(self._plan.root, root.columns)

    def _make(self, document: dict[str, Any], at: int, table: Table) -> Converted | None:
        plan = self._plan
        identity = source_id(document["_id"])
        if not is_readable_id(identity):
            return None
        root: list[bytes] = [column[at] for column in table.columns]  # type: ignore[misc]  # none is None: not bad
        if plan.root.source_id_index is not None:
            root[plan.root.source_id_index] = wire(identity.encode())
        counts = table.counts[at]
        counts = dict(table.usual) if counts is None else counts
        children: list[Packed] = []
        for child in self._children:
            children.append(child.take(at, root, counts))
        for column in plan.root.columns:
            if column.column.compute == "latest":
                number = next(n for n, child in enumerate(plan.children) if child.child.path == column.column.of)
                root[column.index] = self._children[number].latest(column, at)
        rank = root[plan.rank_index] if plan.rank_index is not None else NULL
        return Converted(
            source_id=identity,
            pk=key_text(plan.root.key.type, root[plan.root.key_index][4:]),
            root=root,
            extra=table.extras.get(at, {}),
            children=children,
            references=[
                (column.column.name, key_text(column.column.type, root[column.index][4:]))
                for column in plan.references
                if root[column.index] != NULL
            ],
            owner_columns=[column.column.name for column in plan.root.columns if column.decided],
            rank=decode_moment(rank[4:]) if rank != NULL else None,
            counts=counts,
            judged=self._able and at not in self._doubtful and all(child.judged(at) for child in self._children),
        )


def _text_key(value: Any) -> bytes | None:
    if type(value) is not str or "\x00" in value:
        return None
    try:
        return wire(value.encode())
    except UnicodeEncodeError:
        return None


class _Elements:
    """One embedded array of all documents of a batch, flattened."""

    def __init__(self, plan: ChildPlan, root: TablePlan) -> None:
        self._plan = plan
        self._root = root
        self._reader = Reader(plan.table, plan.table.key.path or ())
        self.name = plan.child.path[0]
        self._prefixes: dict[int, bytes] = {}
        self._bounds: dict[int, tuple[int, int]] = {}
        self._table = Table([], [], {}, {}, set())
        self._bodies: list[bytes] = []
        self.judge = Judge(plan.table)
        self._doubtful: set[int] = set()

    def read(
        self, documents: list[dict[str, Any]], good: list[int], keys: list[bytes | None], root: Table
    ) -> list[int]:
        """Encode the elements of the good documents; those that are still good."""
        good = [at for at in good if set(map(type, documents[at][self.name])) <= {dict}]
        arrays = [documents[at][self.name] for at in good]
        ends = list(accumulate(map(len, arrays)))
        self._bounds = {at: (end - len(array), end) for at, array, end in zip(good, arrays, ends, strict=True)}
        items = [item for array in arrays for item in array]
        table = self._table = self._reader.read(items)
        plan = self._plan.table
        self._keys(items, good, keys, table)
        assert plan.parent_index is not None
        assert plan.ordinal_index is not None
        table.columns[plan.parent_index] = [cell for at in good for cell in repeat(keys[at], self._count(at))]
        table.columns[plan.ordinal_index] = [cell for at in good for cell in ordinals(self._count(at))]
        if table.extras and plan.extra_index is not None:
            extra = repeat_null(len(items))
            for at, value in table.extras.items():
                extra[at] = wire(encode_jsonb(value))
            table.columns[plan.extra_index] = extra
        for column in plan.columns:
            if column.column.parent is not None:
                cells = root.columns[self._root.index(column.column.parent)]
                table.columns[column.index] = [cell for at in good for cell in repeat(cells[at], self._count(at))]
        octets(plan, table.columns)
        self._doubtful = self.judge.doubtful(table.columns)
        for at in table.bad:  # not looked at: its document goes the long way
            for column_cells in table.columns:
                if column_cells[at] is None:
                    column_cells[at] = b""
        self._bodies = list(map(b"".join, zip(*table.columns, strict=True))) if items else []
        if table.bad:
            good = [at for at in good if table.bad.isdisjoint(range(*self._bounds[at]))]
        return good

    def forget(self) -> None:
        """Let go of what was read: one document may have been huge."""
        self._table = Table([], [], {}, {}, set())
        self._bodies, self._bounds = [], {}

    def judged(self, at: int) -> bool:
        """Whether it is certain that the table takes all elements of one document."""
        return not self._doubtful or self._doubtful.isdisjoint(range(*self._bounds[at]))

    def _count(self, at: int) -> int:
        start, end = self._bounds[at]
        return end - start

    def _keys(self, items: list[dict[str, Any]], good: list[int], parents: list[bytes | None], table: Table) -> None:
        """Own ids where the mapping has them, else keys from parent and position."""
        plan = self._plan
        if plan.table.key.path is None:
            table.columns[plan.table.key_index] = [
                wire(derived_key(key_text(self._root.key.type, parent[4:]), plan.path, number))
                for at in good
                for parent in (parents[at],)
                if parent is not None
                for number in range(self._count(at))
            ]
            return
        name = plan.table.key.path[0]
        values = [item.get(name) for item in items]
        cells = uuid_cells(values)
        table.columns[plan.table.key_index] = cells
        for at in good:
            start, end = self._bounds[at]
            own = cells[start:end]
            if len(set(own)) != len(own) or None in own or self._as_derived(own, parents[at]):
                table.bad.add(start)
                table.bad.update(number for number in range(start, end) if cells[number] is None)

    def _as_derived(self, own: list[bytes | None], parent: bytes | None) -> bool:
        """Whether an own id is the very key that would be derived: only the long way tells the two apart."""
        likely = [at for at, cell in enumerate(own) if cell and cell[10] >> 4 == 5]  # version 5
        if not likely or not parent:
            return False
        pk = key_text(self._root.key.type, parent[4:])
        return any(own[at] == wire(derived_key(pk, self._plan.path, at)) for at in likely)

    def take(self, at: int, root: list[bytes], counts: Counts) -> Packed:
        """The rows of one document's array; their counts are added to ``counts``."""
        start, end = self._bounds[at]
        table = self._table
        add(counts, table.usual, end - start)
        for number in range(start, end) if table.counts[start:end].count(None) < end - start else ():
            odd = table.counts[number]
            if odd is not None:
                add(counts, table.usual, -1)
                add(counts, odd, 1)
        if self._plan.table.key.path is None:
            add(counts, {"id_derived": 1}, end - start)
        for column in self._plan.table.columns:
            if column.column.parent is not None:
                add(counts, {"from_parent": 1}, end - start)
        for rule in [rule for rule, times in counts.items() if not times]:
            del counts[rule]
        return Packed(self._bodies[start:end], self._plan.table.key.path is not None)

    def latest(self, column: ColumnPlan, at: int) -> bytes:
        """The greatest moment of one field of the array."""
        index = next(c.index for c in self._plan.table.columns if c.column.path == column.column.field)
        start, end = self._bounds[at]
        cells = [cell or NULL for cell in self._table.columns[index][start:end]]
        if NULL in cells:
            cells = [cell for cell in cells if cell != NULL]
        greatest = max(cells, default=NULL)
        if greatest == NULL or greatest[4] < 0x80:  # no moment before 2000: bytes sort as the numbers they are
            return greatest
        return max(cells, key=lambda cell: int(INT64.unpack_from(cell, 4)[0]))


def ordinals(count: int) -> list[bytes]:
    """The positions in an array as wire cells."""
    return _ORDINALS[:count] + [wire(INT32.pack(each)) for each in range(len(_ORDINALS), count)]


def _decoded(raw: bytes) -> dict[str, Any] | None:
    return bson.decode(raw, CODEC)


def _exact(raw: bytes) -> dict[str, Any] | None:
    """The document, if decoding it loses nothing; else None, and the long way says why."""
    try:
        document = bson.decode(raw, CODEC)
        return document if bson.encode(document, codec_options=CODEC) == raw else None
    except (UnicodeEncodeError, *UNREADABLE):
        return None


def _is_plain(plan: CollectionPlan) -> bool:
    """Whether all paths are single names, so that reading them is one look into a dictionary."""
    paths = [column.column.path for table in plan.tables() for column in table.columns if column.column.path]
    paths += [child.child.path for child in plan.children] + [
        table.key.path for table in plan.tables() if table.key.path
    ]
    return all(len(path) == 1 for path in paths)
