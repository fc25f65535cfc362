"""SQL text cut into tokens as PostgreSQL's scanner cuts it, standard_conforming_strings being on.

Only what decides where a string, a name, a comment or a statement ends is told apart; the server checks the rest.
Where a version of the server would refuse the text ("1abc"), any cut is good: it never runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a token is."""

    WORD = "word"  # a keyword or a name without quotes
    NAME = "name"  # a quoted name, also U&"..."
    STRING = "string"  # '...', E'...', U&'...', B'...', X'...', $tag$...$tag$
    NUMBER = "number"
    PARAMETER = "parameter"  # $1
    COMMENT = "comment"
    SIGN = "sign"  # one character of an operator, a bracket, a comma
    END = "end"  # a semicolon


@dataclass(frozen=True, slots=True)
class Token:
    """One token. ``value``: words in lower case, names without quotes, otherwise the text itself.

    ``closed`` is False for a string, name or comment that the text ends inside of.
    """

    kind: Kind
    text: str
    value: str
    closed: bool = True


# As in the server's scan.l; bytes from 0x80 on are letters there, so are all characters beyond ASCII here.
_SPACE = " \t\n\r\f\v"
_START = "A-Za-z_\x80-\U0010ffff"
_WORD = re.compile(rf"[{_START}][{_START}0-9$]*")
_QUOTED = re.compile(r"[eEbBxXnN]?'|[uU]&['\"]|\"")
_DOLLAR = re.compile(rf"\$(?:[{_START}][{_START}0-9]*)?\$")
_PARAMETER = re.compile(r"\$[0-9]+")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?")
_LINE_COMMENT = re.compile(r"--[^\n\r]*")
_COMMENT_PART = re.compile(r"/\*|\*/")
_NEXT_LINE = re.compile(r"(?:[ \t\f\v]|--[^\n\r]*)*[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'")
_ENDS = {"'": re.compile(r"'"), '"': re.compile(r'"'), "\\": re.compile(r"\\|'")}


def tokens(text: str) -> Iterator[Token]:
    """Every token of the text, comments too, white space not.

    >>> [t.text for t in tokens("SELECT E'it\\\\'s; ' -- ;")]
    ['SELECT', "E'it\\\\'s; '", '-- ;']
    """
    at = 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
            continue
        token = _token(text, at)
        yield token
        at += len(token.text)


def _token(text: str, at: int) -> Token:
    if found := _LINE_COMMENT.match(text, at):
        return Token(Kind.COMMENT, found[0], found[0])
    if text.startswith("/*", at):
        return _block_comment(text, at)
    if found := _QUOTED.match(text, at):
        return _quoted(text, at, found[0])
    for kind, pattern in ((Kind.WORD, _WORD), (Kind.NUMBER, _NUMBER)):
        if found := pattern.match(text, at):
            return Token(kind, found[0], _lower(found[0]))
    if found := _DOLLAR.match(text, at):
        end = text.find(found[0], found.end())
        whole = text[at:] if end < 0 else text[at : end + len(found[0])]
        return Token(Kind.STRING, whole, whole, end >= 0)
    if found := _PARAMETER.match(text, at):
        return Token(Kind.PARAMETER, found[0], found[0])
    return Token(Kind.END if text[at] == ";" else Kind.SIGN, text[at], text[at])


def _lower(word: str) -> str:
    """Keywords are ASCII; other letters fold by the database's locale, which does not matter here."""
    return "".join(char.lower() if char.isascii() else char for char in word)


def _block_comment(text: str, at: int) -> Token:
    depth, end = 1, at + 2
    while depth:
        found = _COMMENT_PART.search(text, end)
        if found is None:
            return Token(Kind.COMMENT, text[at:], text[at:], closed=False)
        depth += 1 if found[0] == "/*" else -1
        end = found.end()
    return Token(Kind.COMMENT, text[at:end], text[at:end])


def _quoted(text: str, at: int, opening: str) -> Token:
    quote = opening[-1]
    kind = Kind.STRING if quote == "'" else Kind.NAME
    ends = _ENDS["\\" if opening in ("e'", "E'") else quote]
    end = at + len(opening)
    while True:
        found = ends.search(text, end)
        if found is None:
            return Token(kind, text[at:], text[at:], closed=False)
        end = found.end()
        if found[0] == "\\":
            end += 1  # whatever it is, it does not end the string
        elif text.startswith(quote, end):
            end += 1
        elif kind is Kind.STRING and (more := _NEXT_LINE.match(text, end)):
            end = more.end()  # 'a'<line end>'b' is one string, in the mode of its beginning
        else:
            break
    whole = text[at:end]
    return Token(kind, whole, whole[len(opening) : -1].replace('""', '"') if kind is Kind.NAME else whole)
