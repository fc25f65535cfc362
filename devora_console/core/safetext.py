"""Production text is hostile: the one place that makes it fit for a terminal.

Nothing that comes from a server, a document, a file name or a child process reaches a screen or a stream
but through :func:`safe` or :func:`one_line`. The result holds no control or bidirectional formatting
characters; it may still look like Rich or Textual markup, so doors hand it on as ``Text``, never as markup.
"""

from __future__ import annotations

import unicodedata

_ELLIPSIS = "…"
# C0 controls have pictures at U+2400; DEL has U+2421. Everything else that could steer a terminal becomes U+FFFD.
_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_KEEP = {0x0A: 0x0A, 0x09: 0x20}
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_HARMLESS = frozenset("\u200c\u200d\u00ad")


def safe(text: str, limit: int = 10_000) -> str:
    """Text without control, bidirectional or surrogate characters, at most ``limit`` characters long.

    Line ends are kept, tabs become a space, other controls their Unicode picture.

    >>> safe('a\\x1b[31mb\\x00')
    'a␛[31mb␀'
    """
    cut = text[:limit]
    clean = cut.translate(_PICTURES | _KEEP)
    if not clean.isascii():
        clean = "".join(
            "\ufffd" if unicodedata.category(char) in _STEERING and char not in _HARMLESS and char != "\n" else char
            for char in clean
        )
    return clean if len(text) <= limit else clean + _ELLIPSIS


def one_line(text: str, limit: int = 200) -> str:
    """Safe text folded to one line: runs of white space and line ends become one space.

    >>> one_line('SELECT 1\\n  FROM t')
    'SELECT 1 FROM t'
    """
    return safe(" ".join(text[: limit * 4].split()), limit)
