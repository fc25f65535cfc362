"""Text of other databases, from its bytes: shared views and catalogues hold each in the encoding it was written in."""

from __future__ import annotations

import codecs

_CODECS = {
    "SQL_ASCII": "utf-8",
    "MULE_INTERNAL": "utf-8",
    "EUC_JIS_2004": "euc_jis_2004",
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
}


def codec(encoding: str | None) -> str:
    """Python's name of a PostgreSQL encoding; UTF-8 for those that say nothing (SQL_ASCII) or that Python lacks.

    >>> [codec(name) for name in ('LATIN1', 'LATIN10', 'WIN1251', 'ISO_8859_5', 'EUC_CN')]
    ['iso8859-1', 'iso8859-16', 'cp1251', 'iso8859-5', 'gb2312']
    >>> codec('SQL_ASCII'), codec(None)
    ('utf-8', 'utf-8')
    """
    name = _CODECS.get(encoding or "", (encoding or "utf-8").replace("WIN", "cp"))
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def decode(raw: bytes | None, encoding: str | None = None) -> str | None:
    """The text of these bytes; what is not in the encoding becomes U+FFFD.

    >>> decode(b'caf\\xe9', 'LATIN1'), decode(b'caf\\xe9', 'SQL_ASCII')
    ('café', 'caf\\ufffd')
    """
    return None if raw is None else raw.decode(codec(encoding), errors="replace")
