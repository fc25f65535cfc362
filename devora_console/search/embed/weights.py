"""The word vectors of the package wordllama, read from its files: importing it would take over the logging of the
process, pad every batch to its longest text and look for its tokenizer on the network.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


@dataclass(frozen=True, slots=True)
class WordVectors:
    """A vector for each token of the tokenizer: float32, tokens × dimensions. ``digest`` tells the weights apart."""

    table: NDArray[np.float32]
    tokenizer: Tokenizer
    digest: str

    @property
    def dims(self) -> int:
        """Numbers of a vector."""
        return int(self.table.shape[1])

    def is_token(self, word: str) -> bool:
        """Whether a word as written is one token."""
        return self.tokenizer.token_to_id("\u2581" + word) is not None

    def ids(self, word: str) -> tuple[int, ...]:
        """The tokens of a word, without the one that begins every text."""
        whole = self.tokenizer.token_to_id("\u2581" + word)
        if whole is not None:  # which is what encoding would find, at a twentieth of its price
            return (whole,)
        return tuple(self.tokenizer.encode(word, add_special_tokens=False).ids)


def package_folder() -> Path:
    """Where the package lies. Raises ModuleNotFoundError when it is not installed; does not import it."""
    found = find_spec("wordllama")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("no word vectors", name="wordllama")
    return Path(found.submodule_search_locations[0])


def tokenizer() -> Tokenizer:
    """The tokenizer alone: Llama 2's, which also counts tokens."""
    place = package_folder() / _TOKENIZER
    if not place.is_file():
        raise ModuleNotFoundError("no tokenizer where it used to be", name="wordllama")
    return _tokenizer(place)


@lru_cache(maxsize=1)
def _tokenizer(place: Path) -> Tokenizer:
    found: Tokenizer = Tokenizer.from_file(str(place))
    found.no_padding()
    found.no_truncation()
    return found


@lru_cache(maxsize=1)
def word_vectors() -> WordVectors:
    """Load them once: 32 MB of memory, 0.2 s."""
    words = tokenizer()
    place = package_folder() / _WEIGHTS
    if not place.is_file():
        raise ModuleNotFoundError("no weights where they used to be", name="wordllama")
    table = load_file(place)["embedding.weight"]
    digest = hashlib.sha256(table.tobytes()).hexdigest()
    return WordVectors(table.astype(np.float32), words, digest)
