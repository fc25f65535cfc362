"""Finds the credentials in connection strings, so that everything else about them may be shown.

Two readings. A *connection string* is taken apart as a whole, and one that cannot be understood is hidden as
a whole. A *message* (of a driver, of a tool) is searched for connection strings and ``password=`` words in
it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

REDACTED = "<redacted>"
_STARS = "***"

Span = tuple[int, int]

_SENSITIVE = re.compile(r"(?i)passw|passphrase|pwd|secret|token|credential|api[_-]?key|authmechanismproperties|^pass$")
_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
_HOST_AND_PATH = re.compile(r"(?:\[[^\]@/?#]*\]|[^:@/?#\[\]]*)(?::\d{1,5})?(?:/[^:@?#]*)?$")
# One keyword=value of libpq, quoted or bare, with backslash escapes.
_VALUE = r"(?P<value>'(?:\\.|[^'\\])*'|(?:\\.|[^\s'\\])(?:\\.|[^\s\\])*|)"
_KEYWORD = re.compile(r"\s*(?P<key>\w+)\s*=\s*" + _VALUE + r"(?=\s|$)", re.DOTALL)
# Both begin where a word begins, or not far from its end: a word of a megabyte must not take minutes.
_IN_MESSAGE = re.compile(r"(?<![\w-])(?P<key>[\w-]+)\s?=\s?" + r"(?P<value>'(?:\\.|[^'\\])*'?|\"[^\"]*\"?|[^\s&;,)]+)")
# Without the sentence's own marks behind it: with them an address that holds no credential would not be one.
_URL_IN_MESSAGE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,60}://\S*[^\s:;,.)\]'\"]")


def is_sensitive(name: str) -> bool:
    """Whether a parameter or variable of this name holds a credential.

    >>> [is_sensitive(name) for name in ('sslpassword', 'AWS_SESSION_TOKEN', 'passfile', 'user')]
    [True, True, False, False]
    """
    return _SENSITIVE.search(name) is not None


def redact_dsn(text: str) -> str:
    """The connection string with every password and credential parameter replaced.

    >>> redact_dsn('postgresql://ana:s3cret@db1,db2:6432/devora?sslmode=require&sslpassword=x')
    'postgresql://ana:***@db1,db2:6432/devora?sslmode=require&sslpassword=***'
    >>> redact_dsn("host=db1 user=ana password = 's3 cret'")
    'host=db1 user=ana password = ***'
    >>> redact_dsn('ana:s3cret@db1')
    '<redacted>'
    """
    spans = credential_spans(text)
    return REDACTED if spans is None else _starred(text, spans)


def redact_message(text: str) -> str:
    """A free text without the credentials of the connection strings and ``password=`` words in it.

    >>> redact_message('cannot reach mongodb://ana:s3@h1/x (password=abc)')
    'cannot reach mongodb://ana:***@h1/x (password=***)'
    >>> redact_message('http://h1:4000/v1: the quota is used up')
    'http://h1:4000/v1: the quota is used up'
    """
    without_urls = _URL_IN_MESSAGE.sub(lambda match: redact_dsn(match[0]), text)
    return _IN_MESSAGE.sub(
        lambda match: (
            match[0][: match.start("value") - match.start()] + _STARS if is_sensitive(match["key"]) else match[0]
        ),
        without_urls,
    )


def credentials(text: str) -> frozenset[str]:
    """The credentials of a connection string: as written, decoded, and as others would encode them."""
    spans = credential_spans(text)
    written = {text} if spans is None else {text[start:end] for start, end in spans}
    return spellings(written)


def spellings(words: Iterable[str]) -> frozenset[str]:
    """Every form in which a message may hold one of ``words``: decoded, unquoted, encoded, escaped."""
    found: set[str] = set()
    for word in words:
        inner = word[1:-1] if word[:1] == "'" == word[-1:] else word
        for plain in (word, inner, re.sub(r"\\(.)", r"\1", inner), unquote(word)):
            found |= {plain, quote(plain, safe="", errors="replace"), repr(plain)[1:-1]}
    return frozenset(found - {""})


def credential_spans(text: str) -> list[Span] | None:
    """Where in a connection string its credentials stand; None when the text is no connection string."""
    scheme = _SCHEME.match(text)
    if scheme:
        return _address_spans(text, scheme.end())
    return _keyword_spans(text)


def _keyword_spans(text: str) -> list[Span] | None:
    spans: list[Span] = []
    position = 0
    while text[position:].strip():
        match = _KEYWORD.match(text, position)
        if match is None:
            return None
        if is_sensitive(match["key"]) and match["value"]:
            spans.append(match.span("value"))
        position = match.end()
    return spans or ([] if text.strip() else None)


def _address_spans(text: str, start: int) -> list[Span]:
    """Credentials of ``scheme://user:password@hosts/path?parameters``, ``start`` being where the scheme ends.

    A password with raw ``@``, ``/``, ``?`` or ``#`` is wrong but real: whenever the text can be read in more
    than one way, the reading that hides more wins.
    """
    mark = text.find("?", start)
    before, after = (len(text), "") if mark < 0 else (mark, text[mark + 1 :])
    at = text.rfind("@", start, before)
    if ("@" in after and not _is_plain_query(after)) or (
        "@" in after and at < 0 and not _are_hosts(text[start:before])
    ):
        at, before, after = text.rfind("@"), len(text), ""
    spans: list[Span] = []
    if at >= 0:
        colon = text.find(":", start, at)
        if 0 <= colon < at - 1:
            spans.append((colon + 1, at))
    elif not _are_hosts(text[start:before]):
        # No '@' at all, yet not 'host:port/path' either: 'scheme://user:password'. Show the scheme only.
        spans.append((start, before))
    position = before + 1
    for piece in re.split("([&;])", after):
        key, equals, value = piece.partition("=")
        if equals and value and is_sensitive(unquote(key)):
            spans.append((position + len(key) + 1, position + len(piece)))
        position += len(piece)
    return spans


def _is_plain_query(query: str) -> bool:
    return all("=" in piece for piece in re.split("[&;]", query) if piece)


def _are_hosts(text: str) -> bool:
    hosts, slash, path = text.partition("/")
    names = hosts.split(",")
    return all(_HOST_AND_PATH.match(name) for name in names) and (not slash or ":" not in path)


def _starred(text: str, spans: list[Span]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += [text[position:start], _STARS]
        position = end
    return "".join([*pieces, text[position:]])
