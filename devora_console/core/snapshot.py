"""Snapshots: frozen answers of a domain, and their one way to become JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID

from devora_console.core.clock import iso
from devora_console.core.unknown import Unknown

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def to_json(value: object) -> Json:
    """A JSON value for anything a snapshot may hold.

    Dataclasses become objects, moments ISO strings in UTC, decimals and UUIDs strings, bytes hexadecimal,
    an :class:`Unknown` ``{"unknown": reason, "remedy": ...}``. Raises TypeError for anything else, so that
    a secret or an open connection can never slip into a document.
    """
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Unknown):
        return {"unknown": value.reason, "remedy": value.remedy}
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID | Path):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, Sequence | Set):
        return [to_json(item) for item in value]
    raise TypeError(f"a snapshot cannot hold a {type(value).__name__}")
