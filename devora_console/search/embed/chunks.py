"""Cutting long texts into pieces that are embedded one by one, each behind the words it hangs on."""

from __future__ import annotations

import re
from collections.abc import Iterator

SIZE = 1600
"""Characters of a piece, with its context: some 400 to 800 tokens, far below what any model takes."""
OVERLAP = 200
"""Characters that a piece repeats from the one before, so that a sentence at the seam is whole in one of them."""

_HEAD = 300  # characters of context at most
_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?…;:](?=\s)"), re.compile(r"\s"))


def head_of(context: str, title: str) -> str:
    """What stands in front of each piece: the project, the conversation's title, the path."""
    parts = [" ".join(part.split()) for part in (context, title)]
    return "\n".join(part for part in parts if part)[:_HEAD].rstrip()


def is_empty(title: str, body: str) -> bool:
    """Whether there is nothing to embed: a context alone is its parent's matter."""
    return not (title.strip() or body.strip())


def chunks(context: str, title: str, body: str, size: int = SIZE, overlap: int = OVERLAP) -> Iterator[str]:
    """The pieces to embed, in order; none for an empty text.

    >>> list(chunks("Devora", "", "Le worker fuit."))
    ['Devora\\nLe worker fuit.']
    """
    if is_empty(title, body):
        return
    head = head_of(context, title)
    if not body.strip():
        yield head
        return
    front = f"{head}\n" if head else ""
    room = max(size - len(front), size // 2)
    for start, end in spans(body, room, min(overlap, room // 3)):
        piece = body[start:end].strip()
        if piece:
            yield front + piece


def spans(text: str, room: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Where the pieces of a text begin and end: at the end of a paragraph, line or sentence, or between words."""
    start = 0
    while True:
        if len(text) - start <= room:
            yield start, len(text)
            return
        end = _end(text, start, room)
        yield start, end
        start = _start(text, max(start + 1, end - overlap), end)


def _end(text: str, start: int, room: int) -> int:
    """The best end in the last third of the room."""
    earliest, latest = start + room - room // 3, start + room
    for ending in _ENDS:
        ends = [found.end() for found in ending.finditer(text, earliest, latest)]
        if ends:
            return ends[-1]
    return latest


def _start(text: str, wanted: int, end: int) -> int:
    """The first word at or after ``wanted``; ``end`` where no word begins before it."""
    if wanted >= end:
        return end
    found = _ENDS[-1].search(text, wanted, end)
    return found.end() if found is not None and found.end() < end else wanted
