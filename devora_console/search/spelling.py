"""Which known word is meant by one that no document holds. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from devora_console.search.folding import folded

_SHORT, _FEW, _MORE = 5, 1, 2  # words of up to five letters may differ by one error, longer ones by two
_SAME_BEGINNING = 0.6


def meant(word: str, near: Sequence[str], *, real: bool = False) -> str:
    """The likeliest of the words that are like it; empty when none is likely.

    A stem of a misspelt word may be longer or shorter than the right one: a common beginning counts then. ``real``: it
    is no misspelling but a word that no document happens to hold; then only what begins like it is of its family.

    >>> meant("camoin", ["camer", "camion"]), meant("expedision", ["exped", "expedit"]), meant("xyzzy", ["crazy"])
    ('camion', 'expedit', '')
    >>> near = ["reparation"]
    >>> meant("separation", near), meant("separation", near, real=True), meant("migrateur", ["migrat"], real=True)
    ('reparation', '', 'migrat')
    >>> meant("drop", ["trop"]), meant("camoin", ["moin"]), meant("amil", ["mail"])
    ('', '', 'mail')
    """
    typed = folded(word)
    allowed = _FEW if len(typed) <= _SHORT else _MORE
    judged = []
    for place, other in enumerate(near):
        errors = distance(typed, other)
        same = _beginning(typed, other) / max(len(typed), len(other))
        sure = _begins_alike(typed, other) or (errors <= _FEW and len(typed) > _SHORT)
        slip = errors <= allowed and not real and sure
        if slip or (same >= _SAME_BEGINNING and min(len(typed), len(other)) > _SHORT):
            judged.append((errors, -same, place, other))
    return min(judged)[3] if judged else ""


def _begins_alike(one: str, other: str) -> bool:
    """Few err in the first letter, unless they swap it with the second."""
    return one[0] == other[0] or one[:2] == other[1::-1]


def _beginning(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def distance(one: str, other: str) -> int:
    """How many letters are missing, too many, wrong or swapped with their neighbour.

    >>> distance("camoin", "camion"), distance("acessibilit", "accessibilit")
    (1, 1)
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]
