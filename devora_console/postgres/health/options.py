"""Storage parameters of a relation (pg_class.reloptions), parsed as options and not searched as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_TRUE = ("true", "yes", "on", "1")


def parse_options(options: Sequence[str] | None) -> dict[str, str]:
    """``["fillfactor=50", ...]`` by name.

    >>> parse_options(['fillfactor=50', 'autovacuum_enabled=off'])
    {'fillfactor': '50', 'autovacuum_enabled': 'off'}
    """
    return {name.lower(): value for name, _, value in (each.partition("=") for each in options or ())}


def boolean(options: Mapping[str, str], name: str, default: bool) -> bool:
    """As PostgreSQL reads it: any unambiguous beginning of true, yes, on, 1.

    >>> [boolean({'a': word}, 'a', True) for word in ('OFF', 'on', 't', '0', 'fal')]
    [False, True, True, False, False]
    """
    word = options.get(name, "").lower()
    if not word:
        return default
    return word == "on" or (word != "o" and any(true.startswith(word) for true in _TRUE))


def integer(options: Mapping[str, str], name: str, default: int) -> int:
    """A whole number; the default when the option is not set."""
    return round(float(options[name])) if name in options else default


def real(options: Mapping[str, str], name: str, default: float) -> float:
    """A number; the default when the option is not set."""
    return float(options[name]) if name in options else default
