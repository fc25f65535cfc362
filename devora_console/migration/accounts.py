"""The migration's own books in the target: what became of each document, quarantine, archive, checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from devora_console.postgres.sqlfiles import sql

_HERE = "devora_console.migration"


@dataclass(frozen=True, slots=True)
class Held:
    """A document for quarantine, whole, with the rule that refused it."""

    source_id: str
    raw: bytes
    rule: str
    path: str
    message: str
    constraint: str | None
    sqlstate: str | None


class Accounts:
    """Written in the caller's transaction, with the rows they account for."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], run: UUID) -> None:
        self._connection = connection
        self._run = run

    async def documents(
        self, collection: str, table: str | None, rows: Sequence[tuple[str, str, str | None, bytes | None]]
    ) -> None:
        """(source id, fate, key, digest) of documents."""
        if rows:
            await self._connection.execute(
                sql(_HERE, "upsert_document"), collection, table, self._run, *map(list, zip(*rows, strict=True))
            )

    async def new_documents(
        self, collection: str, table: str | None, rows: Sequence[tuple[str, str, str | None, bytes | None]]
    ) -> None:
        """As :meth:`documents`, for such as have no account yet: by COPY."""
        if rows:
            await self._connection.copy_records_to_table(
                "document",
                schema_name="devora_console",
                records=[(collection, name, fate, table, pk, digest, self._run) for name, fate, pk, digest in rows],
                columns=("collection", "source_id", "fate", "target_table", "pk", "digest", "run"),
            )

    async def quarantine(self, collection: str, table: str | None, held: Sequence[Held]) -> None:
        """Put documents into quarantine."""
        if not held:
            return
        await self.documents(collection, table, [(each.source_id, "quarantined", None, None) for each in held])
        await self._connection.execute(
            sql(_HERE, "upsert_quarantine"),
            collection,
            self._run,
            [each.source_id for each in held],
            [each.path for each in held],
            [each.rule for each in held],
            [each.sqlstate or None for each in held],
            [each.constraint or None for each in held],
            [each.message for each in held],
            [each.raw for each in held],
        )

    async def release(self, collection: str, source_ids: Iterable[str], reason: str) -> None:
        """Documents that are no longer refused leave quarantine."""
        gone = list(source_ids)
        if gone:
            await self._connection.execute(
                sql(_HERE, "resolve_quarantine"), collection, gone, f"run {self._run}", reason
            )

    async def archive(self, collection: str, rows: Sequence[tuple[str, str, bytes, bytes]]) -> int:
        """Keep (source id, document as JSON text, raw BSON, digest); returns how many were not there like that."""
        if not rows:
            return 0
        said = await self._connection.execute(
            sql(_HERE, "upsert_archive"), collection, self._run, *map(list, zip(*rows, strict=True))
        )
        await self.documents(collection, None, [(row[0], "archived", None, row[3]) for row in rows])
        return int(said.rpartition(" ")[2])  # the command tag: INSERT 0 n

    async def checkpoint(self, collection: str, pieces: range, documents: int, rows: int) -> None:
        """A batch is committed: its pieces, documents accounted for, rows written."""
        await self._connection.execute(
            sql(_HERE, "upsert_checkpoint"), self._run, collection, pieces.start, len(pieces), documents, rows
        )
