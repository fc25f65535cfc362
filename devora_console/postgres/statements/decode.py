"""Text of other databases, from its bytes."""

from __future__ import annotations

import codecs

_CODECS = {
    "SQL_ASCII": "utf-8",
    "MULE_INTERNAL": "utf-8",
    "EUC_JIS_2004": "euc_jis_2004",
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
}
_AS_IS = frozenset({"UTF8", "SQL_ASCII"})


def decoded(data: bytes, here: str, there: str | None) -> str:
    r"""What ``textsend`` gave in a database of encoding ``here``, about text of one of encoding ``there``.

    ``textsend`` converts from ``here`` to UTF-8, whatever the bytes are; from UTF8 and SQL_ASCII it changes nothing.

    >>> decoded('é'.encode('latin-1'), 'UTF8', 'LATIN1'), decoded(b'\xe9', 'UTF8', 'SQL_ASCII')
    ('é', '\ufffd')
    >>> decoded(b'\xc3\xa9'.decode('latin-1').encode(), 'LATIN1', 'UTF8')
    'é'
    """
    if here not in _AS_IS:
        data = data.decode("utf-8", "replace").encode(_codec(here), "replace")
    return data.decode(_codec(there), "replace")


def _codec(encoding: str | None) -> str:
    """Python's name of one of PostgreSQL's encodings; UTF-8 for those that Python has not."""
    name = _CODECS.get(encoding or "", (encoding or "utf-8").replace("WIN", "cp"))
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"
