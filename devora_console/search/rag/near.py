"""Near-duplicates: the same thing said twice takes the place of another."""

from __future__ import annotations

import re
import unicodedata

_SHINGLE = 3
ALIKE, ALIKE_LONG = 0.8, 0.65
"""The part of the shingles (three words in a row) that two texts share from which on they are the same. Of long ones
less is enough: each would take a large part of the budget for little that is new, as files made from one template do.
"""
LONG = 60
"""Shingles from which on both texts are long."""
CONTAINED = 0.9
"""The part of the shorter text's shingles that is in the longer one from which on it adds nothing."""


def folded(text: str) -> str:
    """A text without what does not change its meaning: case, accents' spelling, white space, punctuation.

    >>> folded('  Fuite  mémoire ! ')
    'fuite mémoire'
    """
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


class Shingles:
    """A text as the set of its shingles."""

    __slots__ = ("_set", "_text")

    def __init__(self, text: str) -> None:
        self._text = folded(text)
        words = self._text.split()
        ends = max(1, len(words) - _SHINGLE + 1)
        self._set = frozenset(hash(tuple(words[at : at + _SHINGLE])) for at in range(ends))

    def like(self, other: Shingles) -> bool:
        """Whether one of the two adds nothing to the other.

        >>> Shingles("Le worker fuit, relancez-le.").like(Shingles("le worker  fuit : relancez-le"))
        True
        >>> Shingles("Le worker fuit").like(Shingles("Le worker fuit sans cesse depuis lundi matin"))
        False
        """
        if self._text == other._text:
            return True
        least = min(len(self._set), len(other._set))
        if least < _SHINGLE:  # too short to tell a text from a part of one
            return False
        shared = len(self._set & other._set)
        alike = ALIKE_LONG if least >= LONG else ALIKE
        return shared >= CONTAINED * least or shared >= alike * len(self._set | other._set)
