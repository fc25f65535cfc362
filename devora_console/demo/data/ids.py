"""Identity and time of every generated document, as pure functions of (seed, kind, index).

Nothing here looks at a clock or keeps state: the owner of project 1,500,000 can be named without having
generated a single user, which is what keeps memory bounded at the large scale.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from hashlib import blake2b

from bson.objectid import ObjectId

_MASK = (1 << 64) - 1
_DAY = 86_400_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FIRST_DAY = datetime(2024, 3, 1, tzinfo=UTC)
LAST_DAY = datetime(2025, 11, 30, tzinfo=UTC)
# Documents are created up to here; what happens to them later still ends before LAST_DAY.
_CREATED_DAYS = 619


@cache
def _salt(kind: str) -> int:
    """64 bits for the name of a kind; unlike hash(), the same in every process."""
    return int.from_bytes(blake2b(kind.encode(), digest_size=8).digest(), "big")


def mix(seed: int, kind: str, index: int) -> int:
    """64 well-spread bits for (seed, kind, index); the same on every machine and Python."""
    value = (seed * 0x9E3779B97F4A7C15 + _salt(kind)) & _MASK
    value = (value + (index + 1) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def fraction(seed: int, kind: str, index: int) -> float:
    """A number in [0, 1) for (seed, kind, index)."""
    return (mix(seed, kind, index) >> 11) / (1 << 53)


def stream(seed: int, kind: str, index: int) -> random.Random:
    """A fresh random stream that belongs to one document alone."""
    return random.Random(mix(seed, kind, index))  # noqa: S311 - must repeat, guards nothing


def uuid_text(rng: random.Random) -> str:
    """The next version 4 UUID of ``rng``, as the application writes it."""
    bits = rng.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | (4 << 76) | (2 << 62)
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def entity_id(seed: int, kind: str, index: int) -> str:
    """The application's own id (UUID text) of document ``index`` of ``kind``."""
    return uuid_text(stream(seed, f"{kind}.id", index))


def _waking(part: float) -> float:
    """Bend a fraction of a day so that most of it falls between seven in the morning and eleven at night."""
    if part < 0.04:
        return part / 0.04 * 7 / 24
    if part < 0.97:
        return (7 + (part - 0.04) / 0.93 * 16) / 24
    return (23 + (part - 0.97) / 0.03) / 24


def created(seed: int, kind: str, index: int, count: int, lead: float = 0.0) -> datetime:
    """When document ``index`` of ``count`` was created: ascending with the index, to the microsecond.

    ``lead`` is the part of the whole period, 0 to 1, that passes before the first of its kind.
    """
    part = (index + 0.9 * fraction(seed, f"{kind}.at", index)) / count
    moment = (lead + (1 - lead) * part) * _CREATED_DAYS
    day = int(moment)
    return FIRST_DAY + timedelta(days=day, microseconds=int(_waking(moment - day) * _DAY))


def object_id(seed: int, kind: str, index: int, at: datetime) -> ObjectId:
    """The ``_id`` a driver would have made at ``at``: seconds, five bytes of the process, a counter.

    Ascending with ``index`` as long as ``at`` is.
    """
    seconds = int((at - _EPOCH).total_seconds())
    process = mix(seed, f"{kind}.process", 0) >> 24
    counter = (mix(seed, f"{kind}.counter", 0) >> 42) + index  # at most 2**22 to start with: no wrap
    return ObjectId(seconds.to_bytes(4, "big") + process.to_bytes(5, "big") + counter.to_bytes(3, "big"))


def iso_text(at: datetime) -> str:
    """As the application writes moments: ``2024-05-01T10:00:00.123456+00:00``."""
    return at.isoformat(timespec="microseconds")


def naive_text(at: datetime) -> str:
    """The same without a zone, as older releases wrote it; the clock was UTC."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds")


def offset_text(at: datetime) -> str:
    """The same moment written on a clock two hours ahead."""
    return at.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="microseconds")


def bson_date(at: datetime) -> datetime:
    """The moment as a BSON Date holds it: milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
