"""On which line of a TOML text each of its keys stands. tomllib does not say.

The text must be one that tomllib accepts: the scanner follows keys and skips values, and judges nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

Path = tuple[str, ...]
Place = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"((?:\\.|[^"\\])*)"')
_LITERAL = re.compile(r"'([^']*)'")
_TEXTS = (
    re.compile(r'"""(?:\\.|[^\\])*?"""+', re.DOTALL),
    re.compile(r"'''.*?'''+", re.DOTALL),
    _BASIC,
    _LITERAL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|.)", re.DOTALL)


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every key and table of ``text``, by its full path.

    A table written in parts stands where it is first named; tables in arrays share the path of their array.

    >>> key_lines('[a]\\nb.c = 1')
    {('a',): 1, ('a', 'b'): 2, ('a', 'b', 'c'): 2}
    """
    scanner = _Scanner(text)
    scanner.document()
    lines: dict[Path, int] = {}
    for place, line in scanner.lines.items():
        lines.setdefault(tuple(part for part in place if isinstance(part, str)), line)
    return lines


def item_lines(text: str) -> dict[Place, int]:
    """As :func:`key_lines`, with the entries of arrays told apart by their position, which is a part of the path.

    >>> item_lines('[[a]]\\nb = 1\\n[[a]]\\nb = 2')
    {('a',): 1, ('a', 0): 1, ('a', 0, 'b'): 2, ('a', 1): 3, ('a', 1, 'b'): 4}
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


@dataclass
class _Scanner:
    text: str
    position: int = 0
    lines: dict[Place, int] = field(default_factory=dict)
    arrays: dict[Place, int] = field(default_factory=dict)  # the position of the latest table of each array
    line_ends: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.line_ends = [match.start() for match in re.finditer("\n", self.text)]

    def document(self) -> None:
        table: Place = ()
        while self._skip(_SPACE) < len(self.text):
            if self.text.startswith("[", self.position):
                brackets = 2 if self.text.startswith("[[", self.position) else 1
                self.position += brackets
                table = self._key(())
                if brackets == 2:
                    table = self._next_of(table)
                self._skip(_BLANK)
                self.position += brackets
            else:
                self._pair(table)

    def _next_of(self, array: Place) -> Place:
        """The place of one more table of ``array``."""
        self.arrays[array] = self.arrays.get(array, -1) + 1
        return self._noted((*array, self.arrays[array]))

    def _noted(self, place: Place) -> Place:
        self.lines.setdefault(place, bisect_left(self.line_ends, self.position) + 1)
        return place

    def _pair(self, table: Place) -> None:
        path = self._key(table)
        self._skip(_BLANK)
        self.position += 1  # the equals sign
        self._value(path)

    def _key(self, table: Place) -> Place:
        """Read a dotted key below ``table``, and note the line of each of its parts."""
        path = table
        while True:
            self._skip(_BLANK)
            path = self._noted((*path, self._key_part()))
            self._skip(_BLANK)
            if not self.text.startswith(".", self.position):
                return path
            self.position += 1
            if path in self.arrays:  # what stands below an array is of its latest table
                path = (*path, self.arrays[path])

    def _key_part(self) -> str:
        for pattern in (_BARE_KEY, _BASIC, _LITERAL):
            match = pattern.match(self.text, self.position)
            if match:
                self.position = match.end()
                if pattern is _BASIC:
                    return _ESCAPE.sub(_unescaped, match[1])
                return match[1] if pattern is _LITERAL else match[0]
        raise ValueError("not a text that tomllib accepts")

    def _value(self, path: Place) -> None:
        self._skip(_BLANK)
        opening = self.text[self.position : self.position + 1]
        if opening in ("[", "{"):
            self.position += 1
            closing = "]" if opening == "[" else "}"
            at = 0
            while not self._closes(closing):
                if opening == "[":
                    self._value(self._noted((*path, at)))
                    at += 1
                else:
                    self._pair(path)
            return
        for pattern in _TEXTS:
            match = pattern.match(self.text, self.position)
            if match:
                self.position = match.end()
                return
        self._skip(_SCALAR)

    def _closes(self, closing: str) -> bool:
        """Pass white space, comments and commas; and the closing bracket, when it is next."""
        while self.text.startswith(",", self._skip(_SPACE)):
            self.position += 1
        if self.position >= len(self.text):
            raise ValueError("not a text that tomllib accepts")
        if self.text.startswith(closing, self.position):
            self.position += 1
            return True
        return False

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.position)
        self.position = match.end() if match else self.position
        return self.position


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)
