"""What the two sides have in common: how one is asked, and how it fails."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from devora_console.bench.model import Parameter, Question
from devora_console.bench.result import Place


class QuestionFailed(Exception):
    """The side answers one question with an error; the words are safe to show."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: the text of each row's identity. ``apart_ms``: of the time, what making the query's vector took."""

    rows: Sequence[str]
    apart_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of a parameter: by ``key`` both sides know it, ``value`` is what this side is asked with."""

    key: str
    value: Any


class Side(Protocol):
    """One database. :meth:`listed` and :meth:`ask` raise TimeoutError when cut off, :class:`QuestionFailed`, and
    ConsoleError when the server is lost.
    """

    @property
    def name(self) -> str:
        """``mongo`` or ``postgres``."""
        ...

    async def listed(self, parameter: Parameter, values: Mapping[str, Any]) -> list[Listed]:
        """The rows of a parameter, given the values of those before it."""
        ...

    async def ask(self, question: Question, values: Mapping[str, Any]) -> Reply:
        """Ask as the application does."""
        ...

    async def alive(self) -> None:
        """Raises ConsoleError when the server does not answer at all."""
        ...

    async def place(self, questions: Sequence[Question]) -> Place:
        """What stands here. Raises ConsoleError."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


def identity(value: Any) -> str:
    """A row's identity as text: UUIDs in one spelling, whatever type holds them.

    >>> identity("0E3B2A4C-0000-4000-8000-000000000000")
    '0e3b2a4c-0000-4000-8000-000000000000'
    """
    if isinstance(value, str) and len(value) in (32, 36):
        try:
            return str(UUID(value))
        except ValueError:
            pass
    return str(value)


def digest(text: str) -> str:
    """A short one, to know a text again without keeping it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
