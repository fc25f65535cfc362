"""A digest of everything a collection holds: count, and a sum of hashes that does not depend on an order.

Each document is hashed as the bytes the server sends (SHA-256), and the hashes are added modulo 2**256: memory stays
that of a few blocks, and any change of any byte of any document changes the sum. A second sum, of the ``_id`` values
alone, tells a document that was changed from one that was replaced by another. Reading goes on in a thread while the
block before is hashed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from devora_console.mongo.bsonio import id_element
from devora_console.mongo.source import Source

_BATCH_BYTES = 2_000_000
_BITS = (1 << 256) - 1


@dataclass(frozen=True, slots=True)
class Content:
    """What a collection held: ``digest`` of all documents and ``ids`` of their ``_id`` values (64 hexadecimal digits),
    ``bytes`` as read. ``uuid`` is the collection's own ('' where the server gives none)."""

    documents: int
    digest: str
    ids: str
    bytes: int
    uuid: str = ""


def content_of(source: Source, collection: str, uuid: str = "") -> Content:
    """Read a collection to its end. Raises ConsoleError."""
    documents = size = whole = ids = 0
    for batch in _ahead(source.batches(collection, _BATCH_BYTES)):
        documents += len(batch)
        size += sum(map(len, batch))
        for raw in batch:
            whole += int.from_bytes(sha256(raw).digest(), "big")
            ids += int.from_bytes(sha256(_identity(raw)).digest(), "big")
        whole, ids = whole & _BITS, ids & _BITS
    return Content(documents, f"{whole:064x}", f"{ids:064x}", size, uuid)


def _identity(raw: bytes) -> bytes:
    try:
        return id_element(raw)
    except (ValueError, IndexError, KeyError, struct.error):
        return raw  # bytes that are no BSON are still told apart, as a whole


def _ahead(batches: Iterator[Sequence[bytes]]) -> Iterator[Sequence[bytes]]:
    """The same, each read while the one before is worked on."""
    with ThreadPoolExecutor(1, "digest") as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch
