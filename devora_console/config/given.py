"""What a source says about a key: a hidden value, and where it was said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from devora_console.config.secret import Secret
from devora_console.core.problems import Problem

Source = Literal["command line", "environment", ".env", "profile", "file", "default"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from. ``where`` is for people: ``config.toml:12``, ``POSTGRES_DSN``, ``.env:3``."""

    source: Source
    where: str


class Hidden:
    """A value of any kind that nothing prints: what is configured may be a secret in the wrong place."""

    __slots__ = ("__reveal",)

    def __init__(self, value: object) -> None:
        self.__reveal: Callable[[], object] = lambda: value

    def reveal(self) -> object:
        """The value itself."""
        return self.__reveal()

    def __repr__(self) -> str:
        return f"<{type(self.reveal()).__name__}>"


@dataclass(frozen=True, slots=True)
class Given:
    """A value for the dotted ``key``. ``is_text`` when the source knows text only, so that '5' may mean a
    number.
    """

    key: str
    value: Hidden
    origin: Origin
    is_text: bool


@dataclass(frozen=True, slots=True)
class Layer:
    """All that one source says: values by dotted key, what is wrong (errors) and what is odd (warnings)."""

    values: dict[str, Given]
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Variables(Mapping[str, str]):
    """Environment variables that do not show their values. An empty one counts as not set."""

    __slots__ = ("__values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self.__values = {name: Secret(value) for name, value in values.items() if value}

    def __getitem__(self, name: str) -> str:
        return self.__values[name].reveal()

    def __iter__(self) -> Iterator[str]:
        return iter(self.__values)

    def __len__(self) -> int:
        return len(self.__values)

    def __repr__(self) -> str:
        return f"<{len(self)} variables>"
