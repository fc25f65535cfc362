"""Collections without a table: every document is kept whole, readable and to the byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from devora_console.migration.entries import seen_digest
from devora_console.mongo.bsonio import Damaged, decode
from devora_console.mongo.ejson import ejson


def archived(found: Sequence[tuple[str, bytes]]) -> list[tuple[str, str, bytes, bytes]]:
    """(source id, document as JSON text, raw BSON, digest) of (source id, raw BSON)."""
    return [(source_id, readable(raw), raw, seen_digest(raw)) for source_id, raw in found]


def readable(raw: bytes) -> str:
    """Canonical Extended JSON of a document as text; of bytes that are none, or nested too deeply, the bytes."""
    try:
        return json.dumps(ejson(decode(raw)), ensure_ascii=False)
    except (Damaged, RecursionError):
        return json.dumps({"$damaged": base64.b64encode(raw).decode("ascii")})
