"""Survey a piece: convert its documents, let PostgreSQL judge the rows in temporary twins, say what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devora_console.migration.convert import identify, outline
from devora_console.migration.entries import Entry, Keys, seen_digest
from devora_console.migration.plan import CollectionPlan
from devora_console.migration.rows import NO_DECISION, Converted, Element, Packed, finish
from devora_console.migration.rules import Refusal
from devora_console.migration.stage import Staged
from devora_console.migration.work.kept import keep
from devora_console.migration.work.seat import Seat
from devora_console.mongo.pieces import Piece, checksum, documents, read


@dataclass(frozen=True, slots=True)
class Found:
    """What a piece holds: an entry per document, in their order."""

    entries: Sequence[Entry]
    checksum: int
    exact: bool = False  # whether decoding loses nothing of any of them
    kept: str | None = None  # where the converted documents are


@dataclass(frozen=True, slots=True)
class SurveyUnit:
    """Survey a piece of a mapped collection. ``keep``: the file to keep the converted documents in."""

    piece: Piece
    keep: str | None = None

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return self.piece.largest

    async def work(self, seat: Seat) -> Found:
        """Convert and judge; nothing is written but temporary tables."""
        block = read(self.piece)
        raws = documents(self.piece, block)
        plan = seat.plan(self.piece.collection)
        has_keys = any(table.claims for table in plan.tables())
        entries: list[Entry] = []
        staged: list[Staged] = []
        packer = seat.packer(plan.collection.name)
        found = packer(raws)
        exact = packer.exact
        for number, (raw, converted) in enumerate(zip(raws, found, strict=True)):
            if isinstance(converted, Refusal):
                entries.append(_without_rows(raw, plan, converted))
                continue
            tables = finish(converted, plan, NO_DECISION)
            entries.append(_entry(converted, plan, tuple(map(len, tables))))
            # Keys are computed by PostgreSQL, so that it sees all rows of tables that have any.
            if has_keys or not converted.judged:
                staged.append(Staged(number, tables))
        refused, claims = await _judged(seat, plan, staged) if staged else ([], [])
        for number, why, state in refused:
            entries[number] = _refused(entries[number], why, state, raws[number])
        for number, key, value in claims:
            entries[number] = entries[number]._replace(claims=[*entries[number].claims, (key, value)])
        kept = self.keep if self.keep is not None and keep(self.keep, found) else None
        return Found(entries, checksum(block), exact, kept)


async def _judged(
    seat: Seat, plan: CollectionPlan, staged: list[Staged]
) -> tuple[list[tuple[int, Refusal, str]], list[tuple[int, str, str]]]:
    """What PostgreSQL says of rows in temporary twins of the tables: the refused, and the unique keys of the others."""
    stage = await seat.stage(plan.collection.name)
    async with (await seat.connection()).transaction(readonly=True):
        return await stage.load(staged), await stage.claims()


@dataclass(frozen=True, slots=True)
class ListUnit:
    """List the documents of a piece of a collection without a table."""

    piece: Piece
    fate: str

    @property
    def largest(self) -> int:
        """Bytes of the largest document."""
        return self.piece.largest

    async def work(self, seat: Seat) -> Found:
        """Read the ids."""
        block = read(self.piece)
        name, fate = self.piece.collection, self.fate
        entries = [
            Entry(name, identify(raw), None, None, fate, seen=seen_digest(raw)) for raw in documents(self.piece, block)
        ]
        return Found(entries, checksum(block))


def _without_rows(raw: bytes, plan: CollectionPlan, why: Refusal) -> Entry:
    pk, rows, named = outline(raw, plan)
    entry = Entry(plan.collection.name, identify(raw), pk, None, "migrated", rows=rows, references=_named(plan, named))
    return _refused(entry, why, None, raw)


def _entry(converted: Converted, plan: CollectionPlan, rows: tuple[int, ...]) -> Entry:
    return Entry(
        collection=plan.collection.name,
        source_id=converted.source_id,
        pk=converted.pk,
        rank=converted.rank,
        fate="migrated",
        rows=rows,
        counts=converted.counts,
        references=_named(plan, converted.references),
        elements=[keys for at, child in enumerate(converted.children) if (keys := _keys(at, child)) is not None],
        owner_columns=converted.owner_columns,
    )


def _keys(child: int, elements: list[Element] | Packed) -> Keys | None:
    if isinstance(elements, Packed):
        return Keys(child, b"".join(elements.own_ids())) if elements.own and elements.bodies else None
    own = [(at, each.own_id) for at, each in enumerate(elements) if each.own_id is not None]
    if not own:
        return None
    return Keys(
        child, b"".join(bytes.fromhex(key.replace("-", "")) for _, key in own), tuple(ordinal for ordinal, _ in own)
    )


def _named(plan: CollectionPlan, references: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """References with the collection they lead to."""
    collections = {c.column.name: c.column.reference.collection for c in plan.references if c.column.reference}
    return [(name, collections[name], key) for name, key in references]


def _refused(entry: Entry, why: Refusal, state: str | None, raw: bytes) -> Entry:
    """The entry of a refused document. Its references stay: others may hang on what it refers to, or on it."""
    return entry._replace(
        fate="quarantined",
        rule=why.rule,
        path=why.path,
        message=why.message,
        constraint=why.constraint,
        sqlstate=state,
        counts=None,
        claims=(),
        elements=(),
        owner_columns=(),
        seen=seen_digest(raw),
    )
