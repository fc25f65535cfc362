"""Names and texts as SQL writes them, and versions as numbers."""

from __future__ import annotations


def quoted(*names: str) -> str:
    """Names of the catalogue as SQL writes them, joined with dots.

    >>> quoted('public', 'My t'), quoted('my "own" schema')
    ('"public"."My t"', '"my ""own"" schema"')
    """
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def numbers(version: str) -> tuple[int, ...]:
    """A version to compare: the leading numbers.

    >>> numbers('1.10'), numbers('3.1dev'), numbers('')
    ((1, 10), (3,), ())
    """
    found: list[int] = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        found.append(int(part))
    return tuple(found)
