"""Texts of other sessions: bytes in the encoding of whichever database they come from."""

from __future__ import annotations

import re

_CODECS = {
    "UTF8": "utf-8",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "EUC_JP": "euc_jp",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_CN": "gb2312",
    "EUC_KR": "euc_kr",
}
_PATTERNS = ((r"LATIN(\d)", "iso8859-{}"), (r"WIN(\d+)", "cp{}"), (r"ISO_8859_(\d+)", "iso8859-{}"))
_LONGEST_CHARACTER = 4


def codec(encoding: str | None) -> str:
    """Python's name of a PostgreSQL encoding; UTF-8 for those that say nothing (SQL_ASCII) or that Python lacks.

    >>> codec('LATIN1'), codec('WIN1251'), codec('SQL_ASCII'), codec(None)
    ('iso8859-1', 'cp1251', 'utf-8', 'utf-8')
    """
    if encoding is None or encoding in _CODECS:
        return _CODECS.get(encoding or "", "utf-8")
    for pattern, name in _PATTERNS:
        if found := re.fullmatch(pattern, encoding):
            return name.format(found[1])
    return "utf-8"


def decode(raw: bytes | None, encoding: str | None = None) -> str | None:
    """The text of these bytes; what is not in the encoding becomes U+FFFD.

    >>> decode(b'caf\\xe9', 'LATIN1'), decode(b'caf\\xe9', 'SQL_ASCII')
    ('café', 'caf\\ufffd')
    """
    return None if raw is None else raw.decode(codec(encoding), errors="replace")


def clipped(raw: bytes, limit: int) -> bool:
    """Whether a text of ``track_activity_query_size`` = ``limit`` bytes was (or may have been) cut at its end.

    The server keeps ``limit`` - 1 bytes, fewer when a character would be torn.

    >>> clipped(b'x' * 1023, 1024), clipped(b'x' * 1021, 1024), clipped('é'.encode() * 511, 1024)
    (True, False, True)
    """
    most = limit - 1
    return len(raw) >= most or (not raw.isascii() and len(raw) > most - _LONGEST_CHARACTER)
