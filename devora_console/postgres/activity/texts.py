"""Texts of other sessions, which the server cuts off."""

from __future__ import annotations

_LONGEST_CHARACTER = 4


def clipped(raw: bytes, limit: int) -> bool:
    """Whether a text of ``track_activity_query_size`` = ``limit`` bytes was (or may have been) cut at its end.

    The server keeps ``limit`` - 1 bytes, fewer when a character would be torn.

    >>> clipped(b'x' * 1023, 1024), clipped(b'x' * 1021, 1024), clipped('é'.encode() * 511, 1024)
    (True, False, True)
    """
    most = limit - 1
    return len(raw) >= most or (not raw.isascii() and len(raw) > most - _LONGEST_CHARACTER)
