"""The offline embedder: word vectors that were trained on English, and a glossary that lets them read French.

A text is the mean of its words' vectors, at length 1. French words are read as what the glossary says they are in
English; words that only hold a sentence together count for nothing, others stay as they are written. Without padding:
a long text costs what it is long, and never more memory than its tokens.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from devora_console.search.embed.french import ENGLISH_WORDS, FUNCTION_WORDS, folded, says_french, unelided
from devora_console.search.embed.glossary import Entry, Glossary, load_glossary
from devora_console.search.embed.provider import Vector
from devora_console.search.embed.weights import WordVectors, word_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

_READING = "3"  # another number for another way of reading: the name of the model changes with it
_WORD = re.compile(r"[^\W\d_]\+\+|[^\W\d_]#|[^\W\d_]+|\d+(?:[.,]\d+)*")
_CAMEL = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-ZÀ-Þ])(?=[A-ZÀ-Þ][a-zà-ÿ])")
_TOKENS_AT_ONCE = 16_384  # 16 MB of vectors
_SMALL = 4_000  # characters that are faster embedded than handed to a thread
_CACHED = 100_000  # words
_CACHED_LENGTH = 48  # characters; longer ones hardly come back


@dataclass(frozen=True, slots=True)
class _Unit:
    """One word as it is read: ``ids`` its tokens, ``french`` those in a French text where that differs.

    ``forms``: what it may be listed under in a phrase, ``phrases``: those that may begin here. ``sign``: 1 says that
    the text is French, -1 that it is English. ``known``: the embedder has a meaning for it; None: it needs none.
    """

    ids: tuple[int, ...]
    french: tuple[int, ...] | None
    forms: frozenset[str]
    phrases: tuple[tuple[tuple[str, ...], tuple[int, ...], bool], ...]
    sign: int
    known: bool | None


class OfflineEmbedder:
    """See the module. Safe to use from several threads: what they share is only ever added to."""

    local = True
    label = "offline embedder: English, and French via a glossary; approximate"

    def __init__(self, vectors: WordVectors, glossary: Glossary) -> None:
        self._vectors = vectors
        self._glossary = glossary
        self._units: dict[str, tuple[_Unit, ...]] = {}
        made_of = f"{_READING} {vectors.digest} {glossary.digest}"
        self.dims = vectors.dims
        self.model = f"wl{self.dims}-glossfr-{hashlib.sha256(made_of.encode()).hexdigest()[:8]}"

    async def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        """One vector for each text; None for one without words."""
        if sum(len(text) for text in texts) <= _SMALL:
            return self.embed_now(texts)
        return await asyncio.to_thread(self.embed_now, texts)

    def embed_now(self, texts: Sequence[str]) -> list[Vector | None]:
        """The same, on this thread."""
        result: list[Vector | None] = [None] * len(texts)
        group: list[int] = []
        read: list[list[int]] = []
        held = 0
        for at, text in enumerate(texts):
            ids = self._ids(text)
            if not ids:
                continue
            group.append(at)
            read.append(ids)
            held += len(ids)
            if held >= _TOKENS_AT_ONCE:
                self._pool(group, read, result)
                group, read, held = [], [], 0
        self._pool(group, read, result)
        return result

    def _pool(self, group: list[int], read: list[list[int]], result: list[Vector | None]) -> None:
        if not group:
            return
        for at, vector in zip(group, self._means(read), strict=True):
            if vector is not None:
                numbers = array("f")
                numbers.frombytes(vector.tobytes())
                result[at] = numbers

    def _means(self, read: list[list[int]]) -> Iterator[NDArray[np.float32] | None]:
        """The vectors at length 1; None where they cancel out."""
        sums = np.zeros((len(read), self.dims), dtype=np.float32)
        table = self._vectors.table
        for at, ids in enumerate(read):
            if len(ids) <= _TOKENS_AT_ONCE:  # one by one: np.add.reduceat takes four times as long
                table.take(ids, axis=0).sum(axis=0, out=sums[at])
            else:  # each token once, times how often it comes
                tokens, times = np.unique(np.asarray(ids, dtype=np.int32), return_counts=True)
                sums[at] = times.astype(np.float32) @ table[tokens]
        norms = np.linalg.norm(sums, axis=1)
        for row, norm in zip(sums, norms, strict=True):
            yield row / norm if norm > 1e-6 else None

    def _ids(self, text: str) -> list[int]:
        """The tokens of a text as it is read."""
        units = self._read(text)
        french = sum(unit.sign for unit in units) > 0
        ids: list[int] = []
        at = 0
        while at < len(units):
            unit = units[at]
            if unit.phrases:
                found = _phrase(units, at, french)
                if found is not None:
                    ids += found[1]
                    at += found[0]
                    continue
            ids += unit.french if french and unit.french is not None else unit.ids
            at += 1
        return ids

    def _read(self, text: str) -> list[_Unit]:
        """The words of a text; what was read before is remembered."""
        units: list[_Unit] = []
        cache = self._units
        for piece in text.split():
            found = cache.get(piece)
            if found is None:
                found = tuple(self._unit(word) for word in self._words(piece))
                if len(piece) <= _CACHED_LENGTH:
                    if len(cache) >= _CACHED:
                        cache.clear()
                    cache[piece] = found
            units += found
        return units

    def _words(self, piece: str) -> Iterator[str]:
        """The words of a piece without white space: identifiers are taken apart, names such as JavaScript are not."""
        for part in unelided(piece).split():
            for word in _WORD.findall(part):
                if len(word) <= 3 or word.islower() or self._vectors.is_token(word):
                    yield word
                    continue
                parts = _CAMEL.split(word)
                yield from parts if len(parts) == 1 else (each.lower() for each in parts)

    def _unit(self, word: str) -> _Unit:
        lowered = word.lower()
        plain = folded(lowered)
        listed = self._glossary.forms(plain)
        forms = frozenset(listed)
        phrases = [
            (key, self._tokens(entry), entry.doubtful)
            for form in listed
            for key, entry in self._glossary.phrases.get(form, ())
        ]
        longest_first = tuple(sorted(phrases, key=lambda each: -len(each[0])))
        if plain in FUNCTION_WORDS and lowered not in self._glossary.accented:
            # An English text keeps its "on" and "me"; they weigh little there.
            english = plain in ENGLISH_WORDS or not says_french(plain)
            ids = self._vectors.ids(word) if english else ()
            return _Unit(ids, (), forms, longest_first, int(says_french(plain)), None)
        if plain in ENGLISH_WORDS:
            return _Unit(self._vectors.ids(word), None, forms, longest_first, -1, None)
        entry = self._glossary.word(lowered, listed)
        written = self._vectors.ids(word)
        if entry is None:
            known = None if not word.isalpha() or len(word) < 3 else len(written) == 1
            sign = int(not lowered.isascii())
            return _Unit(written, None, forms, longest_first, sign, known)
        glossed = self._tokens(entry)
        # "rates" may be a form of "rater", but as it is a token of its own, it is an English word as well.
        derived = len(written) == 1 and plain == lowered and plain not in self._glossary.words
        if entry.doubtful or derived:
            return _Unit(written, glossed, forms, longest_first, 0, True)
        return _Unit(glossed, None, forms, longest_first, int(not lowered.isascii()), True)

    def _tokens(self, entry: Entry) -> tuple[int, ...]:
        return self._vectors.ids(entry.english)

    def coverage(self, text: str) -> float | None:
        """The part of the words with a meaning: in the glossary, or common enough to be one token; None without any."""
        known = [unit.known for unit in self._read(text) if unit.known is not None]
        return sum(known) / len(known) if known else None

    async def close(self) -> None:
        """Nothing to give back."""


def _phrase(units: list[_Unit], at: int, french: bool) -> tuple[int, tuple[int, ...]] | None:
    """The longest phrase that begins at ``at``: how many words it takes, and its tokens."""
    for key, ids, doubtful in units[at].phrases:
        if doubtful and not french:
            continue
        if at + len(key) <= len(units) and all(key[n] in units[at + n].forms for n in range(1, len(key))):
            return len(key), ids
    return None


@lru_cache(maxsize=2)
def offline_embedder(glossary: Path | None = None) -> OfflineEmbedder:
    """The embedder with the console's glossary and, on top of it, the site's own."""
    return OfflineEmbedder(word_vectors(), load_glossary(glossary))
