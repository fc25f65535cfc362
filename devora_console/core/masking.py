"""Where in a text a known secret is masked.

A secret of eight characters or more, and a shorter one that is no plain word, is masked wherever it stands, inside
other words too. A *plain word* (fewer than eight characters, all letters of one case or capitalised, or all digits:
``devora``, ``Tiger``, ``2026``) is a part of paths, names and times everywhere: stars there would make a text
unreadable, and say what the secret is. It is masked where secrets stand: as a whole word, in quotes or not, after ``=``
or ``:``, between ``:`` and ``@`` of an address, after an option (``-pdevora``, ``--password devora``). Left as they
are: ``/home/devora/cutover``, ``devora_db``, ``devora-1``, ``devora@host``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONG = 8
"""Characters from which on a secret is masked everywhere, whatever it is."""

STARS = "***"

BEFORE = (
    r"(?:(?<![^\s\"'`=:,;(\[{<>|&])"
    r"|(?<=[\s\"']-[A-Za-z])"  # an option and its value in one
    r"|(?<=\x1b\[[0-9]m)|(?<=\x1b\[[0-9][0-9]m)|(?<=\x1b\[[0-9];[0-9][0-9]m))"  # a colour
)
AFTER = r"(?![^\s\"'`,;)\]}<>|&\\\x1b.:!?]|[.:!?][^\s\"'`,;)\]}<>|&\\\x1b])"
BEHIND_USER = r"(?<=:)", r"(?=@)"
"""Between these a plain word is the password of an address."""

_PLAIN = re.compile(r"[a-z]+|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def is_plain(word: str) -> bool:
    """Whether a secret is a plain word.

    >>> [is_plain(word) for word in ("devora", "Tiger", "2026", "hunter2", "p@ss", "password")]
    [True, True, True, False, False, False]
    """
    return len(word) < LONG and _PLAIN.fullmatch(word) is not None


def whole(word: str) -> str:
    """The regular expression that finds a plain word where it may be the secret. Good for bytes too, encoded."""
    begin, end = BEHIND_USER
    return f"{BEFORE}{word}{AFTER}|{begin}{word}{end}"


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets.

    >>> masked('/home/devora/x: password "devora", user devora@h', ["devora"])
    '/home/devora/x: password "***", user devora@h'
    """
    longest_first = sorted({each for each in secrets if each}, key=len, reverse=True)
    for word in longest_first:
        text = re.sub(whole(word), STARS, text) if is_plain(word) else text.replace(word, STARS)
    return text
