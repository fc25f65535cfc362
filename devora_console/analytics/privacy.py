"""What may be said of an event: listed properties only, and of those only short, plain values.

Applied before anything is written, again before anything is stored, and once more before anything is sent. What is
dropped is counted by name, never kept.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from devora_console.analytics.events import allowed
from devora_console.core.safetext import one_line

Plain = str | int | float | bool
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]{0,99}")
_EVENT = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$ .:/-]{0,199}")
# What an address with a password or with what somebody asked for, a token, a key or an address of a person looks like,
# wherever it stands.
_SECRET = re.compile(
    r"://|@|%40|[?&][^=\s]+=|(?i:\bbearer\b|\b(?:password|passwd|pwd|secret|token|api_?key|host|dbname)\s*=)"
    r"|\b(?:ph[cx]|[sprw]k|whsec|gh[opsur]|github_pat|glpat|xox[abeprs])[_-][A-Za-z0-9_-]{8}"
    r"|\bAKIA[A-Z0-9]{12}|\bAIza[A-Za-z0-9_-]{16}|\bey[A-Za-z0-9_-]{10,}\."
)
_PERSON = re.compile(r"[A-Za-z0-9_.:|-]{1,128}")
_LARGEST = 2**53  # a larger integer is another one once a browser has read it
_MOST_NAMES = 200
NO_MAPPING = "(no mapping)"
OTHERS = "(other names)"
"""Dropped names beyond the first 200 different ones are counted together: a name may be anything."""


@dataclass(slots=True)
class Dropped:
    """How often a property was dropped, by its name, and events that could not be kept, by why."""

    properties: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)

    def property(self, name: object) -> None:
        """One more. A name that is no plain name, or looks like a key, is not repeated."""
        plain = isinstance(name, str) and _NAME.fullmatch(name) and not _SECRET.search(name)
        shown = str(name) if plain else "(no plain name)"
        if shown not in self.properties and len(self.properties) >= _MOST_NAMES:
            shown = OTHERS
        self.properties[shown] = self.properties.get(shown, 0) + 1

    def event(self, why: str, many: int = 1) -> None:
        """More that are gone."""
        self.events[why] = self.events.get(why, 0) + many

    def add(self, other: Dropped) -> None:
        """Those of ``other`` too."""
        for name, many in other.properties.items():
            known = name in self.properties or len(self.properties) < _MOST_NAMES
            self.properties[name if known else OTHERS] = self.properties.get(name if known else OTHERS, 0) + many
        for why, many in other.events.items():
            self.event(why, many)

    def __bool__(self) -> bool:
        return bool(self.properties or self.events)


@dataclass(frozen=True, slots=True)
class Privacy:
    """The rules in force: names that the team allows besides those of the catalogue, and the longest text."""

    more: frozenset[str] = frozenset()
    longest: int = 200

    def kept(self, event: str, given: object, dropped: Dropped) -> dict[str, Plain]:
        """The properties that may be kept; what is not is counted in ``dropped``."""
        if not isinstance(given, Mapping):
            if given is not None:
                dropped.properties[NO_MAPPING] = dropped.properties.get(NO_MAPPING, 0) + 1
            return {}
        names = allowed(event) | self.more
        kept: dict[str, Plain] = {}
        for name, value in given.items():
            if value is None:
                continue
            plain = self._plain(value) if isinstance(name, str) and name in names else None
            if plain is None:
                dropped.property(name)
            else:
                kept[str(name)] = plain
        return kept

    def _plain(self, value: object) -> Plain | None:
        """The value as JSON has it; None for what is no short text, number or yes."""
        if isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self._plain(value.value)
        if isinstance(value, int):
            return int(value) if abs(value) <= _LARGEST else None
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, Decimal):
            return str(value) if value.is_finite() else None
        if isinstance(value, UUID):
            return str(value)
        if isinstance(value, datetime | date):
            return value.isoformat()
        if not isinstance(value, str) or len(value) > self.longest or _SECRET.search(value):
            return None
        return one_line(value, self.longest)


def event_name(given: object) -> str | None:
    """The event's name as it is kept; None for what is no name, or has an address or a key in it."""
    text = given.value if isinstance(given, Enum) else given
    good = isinstance(text, str) and _EVENT.fullmatch(text) and not _SECRET.search(text)
    return str(text) if good else None


def person(given: object) -> str | None:
    """Who it was, as it is kept: an id. What is none (an e-mail address or a key, say) becomes a pseudonym of it.

    >>> person(UUID(int=5)), person("u-17"), person("ana@devora.example"), person("")
    ('00000000-0000-0000-0000-000000000005', 'u-17', 'sha256:93d6b22e1f2e090fb78d51a2e9cd7299', None)
    """
    text = str(given).strip() if isinstance(given, str | int | UUID) and not isinstance(given, bool) else ""
    if not text:
        return None
    identity = uuid_of(text)
    if identity is not None:
        return str(identity)
    if _PERSON.fullmatch(text) and not _SECRET.search(text):
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def uuid_of(given: object) -> UUID | None:
    """A UUID from one, or from its text; None for anything else."""
    if isinstance(given, UUID):
        return given
    try:
        return UUID(given) if isinstance(given, str) and len(given) <= 45 else None
    except ValueError:
        return None
