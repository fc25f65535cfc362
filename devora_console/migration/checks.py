"""CHECK constraints that can be judged here, from the text the catalogue prints of them.

Only plain ones, of which there is no doubt: a text among given texts, a text that is not empty, a number not below
zero. A table with any other is judged by PostgreSQL, row by row; so is every row that a check here does not pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from devora_console.migration.encode import NULL, wire

Passes = Callable[[Sequence[bytes | None]], Sequence[int]]
"""Of wire cells of a column: the positions of those that do not surely pass."""

_NAME = r"\(?([a-z_][a-z0-9_]*)\)?(?:::text)?"
_AMONG = re.compile(rf"\(*{_NAME} = ANY \(\(?ARRAY\[(.*)\]\)?(?:::text\[\])?\)\)*", re.ASCII)
_TEXT = re.compile(r"'((?:[^'\\]|'')*)'::(?:text|character varying)", re.ASCII)
_FILLED = re.compile(rf"\(*char_length\({_NAME}\) (?:>= 1|> 0)\)*", re.ASCII)
_POSITIVE = re.compile(r"\(*([a-z_][a-z0-9_]*) >= \(?0\)?::numeric\)*", re.ASCII)


def understood(expression: str | None) -> tuple[str, Passes] | None:
    """(column, judge) of a CHECK's expression; None when there is any doubt about what it says.

    >>> [understood(text)[0] for text in (
    ...     "((role)::text = ANY (ARRAY['user'::text, 'it''s'::text]))",
    ...     "(char_length((name)::text) >= 1)", "(amount >= (0)::numeric)")]
    ['role', 'name', 'amount']
    >>> understood("(amount >= (1)::numeric)"), understood("((a)::text = ANY (ARRAY[b]))")
    (None, None)
    """
    if expression is None:
        return None
    if found := _AMONG.fullmatch(expression):
        texts = _texts(found[2])
        return (found[1], _among(texts)) if texts is not None else None
    if found := _FILLED.fullmatch(expression):
        return found[1], _filled
    if found := _POSITIVE.fullmatch(expression):
        return found[1], _positive
    return None


def _texts(listed: str) -> list[str] | None:
    texts, at = [], 0
    while found := _TEXT.match(listed, at):
        texts.append(found[1].replace("''", "'"))
        at = found.end()
        if at == len(listed):
            return texts
        if not listed.startswith(", ", at):
            return None
        at += 2
    return None


def _among(texts: list[str]) -> Passes:
    allowed = {NULL, *(wire(text.encode()) for text in texts)}

    def judge(cells: Sequence[bytes | None]) -> Sequence[int]:
        if allowed.issuperset(cells):  # None is in no set of bytes
            return ()
        return [at for at, cell in enumerate(cells) if cell not in allowed]

    return judge


def _filled(cells: Sequence[bytes | None]) -> Sequence[int]:
    return [at for at, cell in enumerate(cells) if cell is None or (len(cell) == len(NULL) and cell != NULL)]


def _positive(cells: Sequence[bytes | None]) -> Sequence[int]:
    # numeric_send: digits, weight, sign (0 is positive), scale, of two bytes each, behind the length.
    return [at for at, cell in enumerate(cells) if cell != NULL and (cell is None or cell[8:10] != b"\x00\x00")]
