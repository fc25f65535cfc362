"""Secrets that cannot be printed, and connection strings that print without theirs.

``str``, ``repr``, ``format``, JSON (through :func:`devora_console.core.snapshot.to_json`, which refuses the
type) and pickle never carry the value: a worker's description, a crash report's locals and a log line show
``<redacted>``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from devora_console.config.redact import REDACTED, credentials, redact_dsn, redact_message, spellings
from devora_console.core.masking import masked

__all__ = ["REDACTED", "Dsn", "Secret", "redact_dsn", "scrub"]

# Shorter words would be found everywhere: replacing them would spoil the message and give the secret away.
_SHORTEST = 3


class Secret:
    """A value that only :meth:`reveal` gives away. Compared by value, never hashed into anything visible."""

    __slots__ = ("__reveal",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"a secret is text, not {type(value).__name__}")
        # A closure, not an attribute: debuggers and crash reports that walk __slots__ find a function.
        self.__reveal: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """The value itself. Call it where the driver is called, and nowhere else."""
        return self.__reveal()

    def secrets(self) -> frozenset[str]:
        """Every spelling of the credential that a message may hold, for scrubbing."""
        return spellings({self.reveal()})

    def __str__(self) -> str:
        return REDACTED

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: hand its revealed value to the worker over its own pipe")

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __copy__(self) -> Self:
        return self

    @classmethod
    def _from_input(cls, value: object) -> Self:
        """What pydantic is given: text or a secret already. Anything else is refused without being quoted."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        raise PydanticCustomError("secret_type", "should be text")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._from_input, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


class Dsn(Secret):
    """A connection string. Prints with user, hosts and database but without password or other credentials."""

    __slots__ = ()

    def __str__(self) -> str:
        return redact_dsn(self.reveal())

    def secrets(self) -> frozenset[str]:
        """Every credential inside, in every spelling a driver's message may hold, for scrubbing."""
        return credentials(self.reveal())


def scrub(message: str, *secrets: Secret | None) -> str:
    """A driver's message without any of the credentials in ``secrets``, for errors shown to people. What is masked
    where, :mod:`devora_console.core.masking` says.
    """
    words = {word for secret in secrets if secret is not None for word in secret.secrets()}
    return redact_message(masked(message, (word for word in words if len(word) >= _SHORTEST)))
