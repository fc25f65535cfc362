"""The last resort: vectors of letters. Texts that share pieces of words are near each other; meaning is not known."""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np

from devora_console.search.embed.french import FUNCTION_WORDS, folded
from devora_console.search.embed.provider import Vector

_WORD = re.compile(r"\w+")
_GRAMS = (3, 4, 5)
_WHOLE = 2.0  # a whole word says more than a piece of one
_LONGEST = 40  # characters of a word that count


class HashEmbedder:
    """Words and their pieces of three to five letters, hashed into 256 numbers of either sign."""

    model = "hash256-v1"
    dims = 256
    label = "lexical: compares letters, not meaning"
    local = True

    async def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        """One vector for each text; None for one without words."""
        return await asyncio.to_thread(lambda: [self.embed_one(text) for text in texts])

    def embed_one(self, text: str) -> Vector | None:
        """The vector of one text; None for one without words."""
        sums = np.zeros(self.dims, dtype=np.float32)
        for word in _WORD.findall(folded_text(text)):
            if word not in FUNCTION_WORDS:
                places, weights = _pieces(word[:_LONGEST])
                np.add.at(sums, places, weights)
        norm = float(np.linalg.norm(sums))
        if norm < 1e-6:
            return None
        return array("f", sums / norm)

    def coverage(self, text: str) -> float | None:
        """Letters are all known: the question has no meaning."""
        return None

    async def close(self) -> None:
        """Nothing to give back."""


def folded_text(text: str) -> str:
    """The text in lower case without accents."""
    return " ".join(folded(word) for word in text.split())


@lru_cache(maxsize=50_000)
def _pieces(word: str) -> tuple[np.ndarray, np.ndarray]:
    bounded = f"<{word}>"
    grams = [(bounded, _WHOLE)]
    grams += [(bounded[at : at + size], 1.0) for size in _GRAMS for at in range(len(bounded) - size + 1)]
    hashes = [crc32(gram.encode()) for gram, _ in grams]
    places = np.array([value % HashEmbedder.dims for value in hashes])
    signs = np.array([1.0 if value & 0x8000_0000 else -1.0 for value in hashes], dtype=np.float32)
    return places, signs * np.array([weight for _, weight in grams], dtype=np.float32)
