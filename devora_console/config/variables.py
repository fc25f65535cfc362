"""Values that a site gives by name: a table in the configuration file, ``NAME=VALUE`` words everywhere else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


class SiteVariables(Mapping[str, str]):
    """Values by name. Frozen and hashable; prints as the words that would be typed.

    >>> SiteVariables.read("site=/opt/site.sh front_url='https://devora.example'")['front_url']
    'https://devora.example'
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    @classmethod
    def read(cls, value: object) -> Self:
        """What is configured: a table of texts, or one text of NAME=VALUE words. Quotes no value in its errors."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            value = _words(value)
        if not isinstance(value, Mapping):
            raise PydanticCustomError("table_type", "should be a table of names and texts")
        for name, said in value.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise PydanticCustomError("variable_name", "a variable is named with a-z, 0-9 and '_'")
            if not isinstance(said, str):
                raise PydanticCustomError("variable_text", "{name} should be text, in quotes", {"name": name})
        return cls(value)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    def __str__(self) -> str:
        return shlex.join(f"{name}={value}" for name, value in self._values.items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._values!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.read, serialization=core_schema.plain_serializer_function_ser_schema(dict)
        )


def _words(text: str) -> dict[str, str]:
    try:
        words = [word.partition("=") for word in shlex.split(text)]
    except ValueError:
        raise PydanticCustomError("variable_words", "a quotation mark is not closed") from None
    if not all(equals for _, equals, _ in words):
        raise PydanticCustomError("variable_words", "should be NAME=VALUE words with spaces between them")
    return {name: value for name, _, value in words}
