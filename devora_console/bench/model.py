"""A catalogue of questions: what is drawn for them, and how each side is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Same = Literal["ids", "count", "none"]
SIDES = ("mongo", "postgres")


@dataclass(frozen=True, slots=True)
class Step:
    """One find or aggregate of MongoDB, with ``{parameters}`` in it.

    ``answer``, ``take``, ``key`` and ``value`` are pointers into each document (see :mod:`.pointers`). What ``take``
    finds stands as a list for ``{name}`` in the steps after it.
    """

    collection: str
    find: Mapping[str, Any] | None = None
    aggregate: Sequence[Mapping[str, Any]] | None = None
    project: Mapping[str, Any] | None = None
    sort: Mapping[str, int] | None = None
    limit: int = 0
    answer: str | None = None
    take: str | None = None
    name: str | None = None
    key: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A question for the console's search, asked as the application asks it."""

    text: str
    method: str
    kinds: str = "all"
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Parameter:
    """What stands for ``{name}``. Each side lists (key, value); the keys of the two are compared.

    ``take``: "word" for one word of the value. A side that does not list it is empty.
    """

    name: str
    about: str
    postgres: str
    mongo: tuple[Step, ...]
    take: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``missing`` says, by side, why a side has none."""

    id: str
    title: str
    about: str
    same: Same
    mongo: tuple[Step, ...]
    postgres: str | Search | None
    missing: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Of how both sides are asked: figures of two runs compare where it is the same."""
        text = json.dumps([asdict(self)[key] for key in ("mongo", "postgres", "same")], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that can be asked. ``origin`` names its files."""

    name: str
    origin: str
    parameters: tuple[Parameter, ...]
    questions: tuple[Question, ...]

    @property
    def digest(self) -> str:
        """Of everything in it."""
        parts = [*map(asdict, self.parameters), *map(asdict, self.questions)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
