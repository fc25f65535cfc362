"""Of a long text the part that matters: where the most of what was looked for stands close together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from devora_console.search.embed.tokens import Counter

_PLAIN = str.maketrans("àâäáãåçéèêëíìîïñóòôöõúùûüýÿ", "aaaaaaceeeeiiiinooooouuuuyy")
_SHORTEST_WORD = 3
_MOST_MATCHES = 5_000
_LEAST = 80
"""Characters of a passage that is worth its fence; shorter ones only where the text is no longer."""
_SNAP = 80
"""Characters that an end of a passage may move to stand between two words or lines."""


def _folded(text: str) -> str:
    """Lower case without accents, character for character: positions are those of the original."""
    low = "".join(char if len(char.lower()) != 1 else char.lower() for char in text)
    return low.translate(_PLAIN)


def sought(question: str) -> tuple[str, ...]:
    """The words of a question that may stand in an answer.

    >>> sought("Où est la fuite mémoire ?")
    ('est', 'fuite', 'memoire')
    """
    words = re.findall(r"\w+", _folded(question[:10_000]))
    return tuple(dict.fromkeys(word for word in words if len(word) >= _SHORTEST_WORD))


def passage(text: str, words: Iterable[str], most: int) -> tuple[int, int]:
    """Where the best ``most`` characters of a text begin and end: those with the most different words of ``words``.

    >>> text = "rien " * 100 + "la fuite de mémoire est ici. " + "rien " * 100
    >>> begin, end = passage(text, ("fuite", "memoire"), 60)
    >>> "fuite de mémoire" in text[begin:end], end - begin <= 60
    (True, True)
    """
    if len(text) <= most:
        return 0, len(text)
    places = _places(text, words)
    centre = _densest(places, most)
    begin = max(0, min(centre - most // 2, len(text) - most))
    return _snapped(text, begin, begin + most)


def _places(text: str, words: Iterable[str]) -> list[tuple[int, str]]:
    """Where the words begin; a word also stands where a longer one begins with most of it (fuite: fuites)."""
    stems = sorted({_folded(word)[: max(_SHORTEST_WORD, len(word) - 1)] for word in words if word}, key=len)
    if not stems:
        return []
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, reversed(stems))) + ")")
    found: list[tuple[int, str]] = []
    for match in pattern.finditer(_folded(text)):
        found.append((match.start(), match[0]))
        if len(found) == _MOST_MATCHES:
            break
    return found


def _densest(places: list[tuple[int, str]], most: int) -> int:
    """The middle of the window that holds the most different words, then the most words; the first of equals."""
    best, centre, first = (0, 0), 0, 0
    held: dict[str, int] = {}
    for last, (position, word) in enumerate(places):
        held[word] = held.get(word, 0) + 1
        while position - places[first][0] > most * 0.8:
            gone = places[first][1]
            held[gone] -= 1
            if not held[gone]:
                del held[gone]
            first += 1
        if (len(held), last - first) > best:
            best, centre = (len(held), last - first), (places[first][0] + position) // 2
    return centre


def _snapped(text: str, begin: int, end: int) -> tuple[int, int]:
    """The same, a little narrower, so that it begins and ends between lines or words."""
    if begin:
        for sign in ("\n", " "):
            at = text.find(sign, begin, min(begin + _SNAP, end))
            if at >= 0:
                begin = at + 1
                break
    if end < len(text):
        for sign in ("\n", " "):
            at = text.rfind(sign, max(end - _SNAP, begin), end)
            if at > begin:
                end = at
                break
    return begin, end


def fitting(
    text: str, words: tuple[str, ...], tokens: int, counter: Counter, dress: Callable[[str], str]
) -> tuple[int, int] | None:
    """The best passage that takes at most ``tokens``, dressed as it will stand in the prompt; None where none does."""
    most = min(len(text), max(tokens, 1) * 8)  # no counter makes fewer tokens than one for eight characters of prose
    while most > 0:
        begin, end = passage(text, words, most)
        taken = counter.count(dress(text[begin:end]))
        if taken <= tokens:
            return (begin, end) if end - begin >= min(_LEAST, len(text)) else None
        smaller = int((end - begin) * tokens / taken * 0.98)
        most = min(smaller, most - 1)
    return None
