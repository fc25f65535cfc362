"""Units of work for the benchmark of the copy: parts of what the real unit does, in the same worker processes."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from devora_console.migration.place import Ready
from devora_console.migration.work.parts import Part, prepare
from devora_console.migration.work.seat import Seat


@dataclass(frozen=True, slots=True)
class PythonOnly:
    """Everything a WriteUnit does but talking to PostgreSQL. ``save`` keeps the COPY streams, one file per table."""

    collection: str
    parts: tuple[Part, ...]
    save: str | None = None

    @property
    def largest(self) -> int:
        """Light."""
        return 0

    async def work(self, seat: Seat) -> int:
        """Rows made."""
        ready: list[Ready] = []
        for part in self.parts:
            prepare(seat, part, ready, [])
        rows = 0
        plan = seat.plan(self.collection)
        for at, table in enumerate(plan.tables()):
            head = struct.pack(">h", len(table.names))
            pieces = []
            for each in ready:
                rows += len(each.tables[at])
                pieces += [head, head.join(each.tables[at])]
            stream = b"".join([_HEADER, *pieces, _TRAILER])
            if self.save is not None:
                keep(f"{self.save}.{self.parts[0].piece.number}.{at}", stream)
        return rows


_HEADER = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)


def keep(path: str, stream: bytes) -> None:
    """Write a COPY stream to a file."""
    Path(path).write_bytes(stream)


def kept(path: str) -> bytes:
    """Read it back."""
    return Path(path).read_bytes()


@dataclass(frozen=True, slots=True)
class CopyOnly:
    """COPY of a batch encoded before, in one transaction: what PostgreSQL takes in at best."""

    collection: str
    saved: tuple[str, ...]
    rows: int

    @property
    def largest(self) -> int:
        """Light."""
        return 0

    async def work(self, seat: Seat) -> int:
        """Rows copied."""
        connection = await seat.connection()
        plan = seat.plan(self.collection)
        async with connection.transaction():
            for path, table in zip(self.saved, plan.tables(), strict=True):
                await connection.copy_to_table(
                    table.table,
                    schema_name="public",
                    source=BytesIO(kept(path)),
                    columns=list(table.names),
                    format="binary",
                )
        return self.rows


@dataclass(frozen=True, slots=True)
class Begin:
    """Nothing: starts a worker before the clock does."""

    seconds: float = 0.2

    @property
    def largest(self) -> int:
        """Light."""
        return 0

    async def work(self, seat: Seat) -> int:
        """Connect, and stay long enough for every worker to get one."""
        await seat.connection()
        time.sleep(self.seconds)  # noqa: ASYNC251 - the worker has nothing else to do
        return 0
