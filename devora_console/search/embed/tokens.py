"""How many tokens a text has, and by which counter: the number is worth what its counter is."""

from __future__ import annotations

import hashlib
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path

from devora_console.search.embed.models import MOST_TEXTS, MOST_TOKENS

RESERVE = 0.05
"""The part of a budget that is kept free when the counter is not the model's own."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts tokens. ``name`` says how; ``exact``: it is the model's own tokenizer."""

    name: str
    exact: bool
    count: Callable[[str], int]

    def budget(self, tokens: int) -> int:
        """How many counted tokens fit into a budget of ``tokens``, with a reserve where the count is not exact."""
        return tokens if self.exact else int(tokens * (1 - RESERVE))


def counter_for(model: str) -> Counter:
    """The best counter there is for a model: its own tokenizer if its file is at hand, else Llama's, else bytes / 3."""
    return _counter(model)


@lru_cache(maxsize=8)
def _counter(model: str) -> Counter:
    return _tiktoken(model) or _llama() or Counter("UTF-8 bytes / 3", False, lambda text: ceil(len(text.encode()) / 3))


def _tiktoken(model: str) -> Counter | None:
    """Only with its file in the cache: it must not be fetched behind a person's back."""
    try:
        from tiktoken.model import encoding_name_for_model  # noqa: PLC0415 - loaded when a model is asked for

        name = encoding_name_for_model(model.partition("@")[0])
        found = _cached_encoding(name)
    except (ImportError, KeyError, OSError, ValueError):
        return None
    if found is None:
        return None
    return Counter(f"tiktoken {name}", True, found)


def _cached_encoding(name: str) -> Callable[[str], int] | None:
    """The encoding when its file lies whole where tiktoken keeps such files; None otherwise, and nothing is touched."""
    file = _cache_file(name)
    if file is None or not file.is_file() or not _takes(name):
        return None
    if hashlib.sha256(file.read_bytes()).hexdigest() != _HASHES[name]:
        return None
    import tiktoken  # noqa: PLC0415

    encoding = tiktoken.get_encoding(name)
    return lambda text: len(encoding.encode(text, disallowed_special=()))


def _cache_file(name: str) -> Path | None:
    """Where tiktoken looks for the file of an encoding; None where its cache is switched off, and it would fetch it."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder == "":
        return None
    place = Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache"
    address = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
    return place / hashlib.sha1(address.encode()).hexdigest()  # noqa: S324 - the name tiktoken gives it


def _takes(name: str) -> bool:
    """Whether this release of tiktoken wants the content that we check for: it would delete and fetch any other."""
    maker = importlib.import_module("tiktoken_ext.openai_public").ENCODING_CONSTRUCTORS.get(name)
    return maker is not None and _HASHES.get(name) in maker.__code__.co_consts


# With another content tiktoken deletes the file and fetches it again.
_HASHES = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}


def _llama() -> Counter | None:
    try:
        from devora_console.search.embed.weights import tokenizer  # noqa: PLC0415 - loads the tokenizer

        words = tokenizer()
    except (ImportError, OSError):
        return None
    return Counter("Llama 2 tokenizer", False, lambda text: len(words.encode(text, add_special_tokens=False).ids))


def rough(texts: Sequence[str]) -> int:
    """Tokens of texts, on the safe side and without counting: a third of their bytes."""
    return sum(ceil(len(text.encode()) / 3) for text in texts)


def requests(texts: Sequence[str]) -> Iterator[slice]:
    """Cut texts into requests of at most 2,048 texts and some 250,000 tokens, taken as a third of their bytes each."""
    start, tokens = 0, 0
    for at, text in enumerate(texts):
        own = rough([text])
        if at > start and (at - start >= MOST_TEXTS or tokens + own > MOST_TOKENS):
            yield slice(start, at)
            start, tokens = at, 0
        tokens += own
    if start < len(texts):
        yield slice(start, len(texts))
