"""Parts of the source with what was decided about their documents: who migrates, with which rows, and who is held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from devora_console.migration.accounts import Held
from devora_console.migration.entries import Fate
from devora_console.migration.ledger import Ledger, SurveyedPiece
from devora_console.migration.place import Ready
from devora_console.migration.rows import NO_DECISION, Body, Converted, digest, finish
from devora_console.migration.rules import Refusal
from devora_console.migration.work.kept import recall
from devora_console.migration.work.seat import Seat
from devora_console.mongo.pieces import Piece, checksum, documents, moved, read


@dataclass(frozen=True, slots=True)
class Part:
    """A surveyed piece with what was decided about its documents, by position; all others simply migrate."""

    piece: Piece
    checksum: int
    first: int
    fates: dict[int, Fate]
    exact: bool = False
    kept: str | None = None

    @classmethod
    def of(cls, ledger: Ledger, surveyed: SurveyedPiece) -> Part:
        """A surveyed piece with what has been decided by now."""
        return cls(
            surveyed.piece, surveyed.checksum, surveyed.first, ledger.fates(surveyed), surveyed.exact, surveyed.kept
        )

    def raw(self, at: int) -> bytes:
        """One document, read anew."""
        return self.raws()[at]

    def raws(self) -> list[bytes]:
        """The documents. Raises ConsoleError (exit 5) when they are no longer those that were surveyed."""
        block = read(self.piece)
        if checksum(block) != self.checksum:
            raise moved(self.piece, "has changed")
        return documents(self.piece, block)


_Migrating = tuple[int, Converted, list[list[Body]], Callable[[], bytes]]
"""Position, what it was converted to, rows per table, and how to get the raw document."""


def numbers(parts: Sequence[Part]) -> range:
    """The numbers of consecutive pieces."""
    return range(parts[0].piece.number, parts[-1].piece.number + 1)


def prepare(seat: Seat, part: Part, ready: list[Ready], held: list[Held], only: frozenset[int] | None = None) -> None:
    """Convert the documents of a part (those at positions ``only``) and take them apart by fate."""
    wanted = range(part.piece.documents) if only is None else sorted(only)
    refused = [at for at in wanted if at in part.fates and part.fates[at].fate != "migrated"]
    if refused:
        raws = part.raws()
        held += [_held(raws[at], part.fates[at]) for at in refused]
    for at, converted, tables, raw in migrating(seat, part, wanted):
        ready.append(Ready(part.first + at, converted.source_id, raw, converted.pk, tables, digest(tables)))


def migrating(seat: Seat, part: Part, places: Iterable[int]) -> Iterator[_Migrating]:
    """Of the documents of a part at these positions, those that migrate, with their rows as decided."""
    plan = seat.plan(part.piece.collection)
    good = [at for at in places if at not in part.fates or part.fates[at].fate == "migrated"]
    for at, converted, raw in _converted(seat, part, good):
        fate = part.fates.get(at)
        yield at, converted, finish(converted, plan, fate.decision if fate is not None else NO_DECISION), raw


def _converted(seat: Seat, part: Part, places: list[int]) -> Iterator[tuple[int, Converted, Callable[[], bytes]]]:
    """(position, converted, how to get the raw document) of documents of a part: kept from the survey, or anew."""
    if part.kept is not None:
        kept = recall(part.kept)
        for at in places:
            found = kept[at]
            assert found is not None
            yield at, found, partial(part.raw, at)
        return
    raws = part.raws()
    packed = seat.packer(part.piece.collection)([raws[at] for at in places], exact=part.exact)
    for at, converted in zip(places, packed, strict=True):
        if isinstance(converted, Refusal):  # cannot be: the survey converted these very bytes
            raise moved(part.piece, "has changed")
        yield at, converted, partial(raws.__getitem__, at)


def _held(raw: bytes, fate: Fate) -> Held:
    return Held(
        fate.source_id,
        raw,
        fate.rule or "",
        fate.path or "",
        fate.message or "",
        fate.constraint or None,
        fate.sqlstate,
    )
