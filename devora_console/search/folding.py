"""Lower case without accents, as the database's devora_fold has it. Pure."""

from __future__ import annotations

_FOLD = str.maketrans("àâäáãåçéèêëíìîïñóòôöõúùûüýÿ", "aaaaaaceeeeiiiinooooouuuuyy", "")
_LIGATURES = {"œ": "oe", "æ": "ae"}


def folded(text: str) -> str:
    """The text folded.

    >>> folded("Éléphant d'Œuvre")
    "elephant d'oeuvre"
    """
    text = text.lower().translate(_FOLD)
    for sign, letters in _LIGATURES.items():
        text = text.replace(sign, letters)
    return text
