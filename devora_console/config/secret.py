"""Secrets that cannot be printed, and connection strings that print without theirs.

``str``, ``repr``, ``format``, JSON (through :func:`devora_console.core.snapshot.to_json`, which refuses the type) and
pickle never carry the value: a worker's description, a crash report's locals and a log line show ``<redacted>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import unquote

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

REDACTED = "<redacted>"


class Secret:
    """A value that only :meth:`reveal` gives away. Compared by value, never hashed into anything visible."""

    __slots__ = ("__reveal",)

    def __init__(self, value: str) -> None:
        # A closure, not an attribute: debuggers and crash reports that walk __slots__ find a function.
        self.__reveal: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """The value itself. Call it where the driver is called, and nowhere else."""
        return self.__reveal()

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
        return hash((type(self).__name__, self.reveal()))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: hand its revealed value to the worker over its own pipe")

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __copy__(self) -> Secret:
        return self

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: value if isinstance(value, cls) else cls(value),
            core_schema.is_instance_schema(cls),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


_USERINFO = re.compile(r"(?<=://)(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#]*(?:@(?=[^/?#]*@)[^@/?#]*)*))?@")
_PARAMETER = re.compile(r"(?i)(?P<key>[\w-]*(?:password|secret|token|passphrase|sslkey)[\w-]*)=(?P<value>[^&\s]*)")


class Dsn(Secret):
    """A connection string. Prints with user, hosts and database but without password or other credentials."""

    __slots__ = ()

    def __str__(self) -> str:
        return redact_dsn(self.reveal())

    def secrets(self) -> frozenset[str]:
        """Every credential inside, raw and percent-decoded, for scrubbing driver messages."""
        text = self.reveal()
        found = {match["password"] for match in _USERINFO.finditer(text) if match["password"]}
        found |= {match["value"] for match in _PARAMETER.finditer(text) if match["value"]}
        return frozenset(found | {unquote(value) for value in found})


def redact_dsn(text: str) -> str:
    """The connection string with every password and credential parameter replaced.

    >>> redact_dsn('postgresql://ana:s3cret@db1,db2:6432/devora?sslmode=require&sslpassword=x')
    'postgresql://ana:***@db1,db2:6432/devora?sslmode=require&sslpassword=***'
    >>> redact_dsn('host=db1 user=ana password=s3cret')
    'host=db1 user=ana password=***'
    """
    without = _USERINFO.sub(lambda m: m["user"] + (":***" if m["password"] is not None else "") + "@", text)
    return _PARAMETER.sub(lambda m: f"{m['key']}=***", without)


def scrub(message: str, *secrets: Secret | None) -> str:
    """A driver's message without any of the credentials in ``secrets``, for errors shown to people."""
    words: set[str] = set()
    for secret in secrets:
        if secret is None:
            continue
        words |= secret.secrets() if isinstance(secret, Dsn) else {secret.reveal()}
    for word in sorted((w for w in words if len(w) >= 3), key=len, reverse=True):
        message = message.replace(word, "***")
    return redact_dsn(message)
