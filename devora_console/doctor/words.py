"""Words and figures the overview shares."""

from __future__ import annotations

from datetime import datetime

from devora_console.core.clock import iso
from devora_console.core.console import OverviewLine, Verdict

_THIN = "\u202f"  # narrow no-break space: a number never breaks over two lines


def whole(number: int) -> str:
    """Every digit, thousands apart.

    >>> whole(1912004).replace(_THIN, ' ')
    '1 912 004'
    """
    return f"{number:,}".replace(",", _THIN)


def plural(number: int, word: str) -> str:
    """The number with its word.

    >>> plural(1, 'document'), plural(3, 'document')
    ('1 document', '3 documents')
    """
    return f"{whole(number)} {word}{'' if number == 1 else 's'}"


def size(count: int) -> str:
    """Bytes with a decimal unit.

    >>> size(812), size(2_404_352), size(1_300_000_000)
    ('812 B', '2.4 MB', '1.3 GB')
    """
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop(0)
    shown = f"{value:.0f}" if units[0] == "B" or value >= 99.5 else f"{value:.1f}"
    return f"{shown} {units[0]}"


def part(some: int, of: int) -> str:
    """A percentage that says 100 only when it is all, and 0 only when it is none.

    >>> part(0, 10), part(1, 1000), part(999, 1000), part(10, 10)
    ('0 %', '<1 %', '99 %', '100 %')
    """
    percent = 100 * some // of if of else 0
    return "<1 %" if some and not percent else f"{min(percent, 100)} %"


def at(moment: datetime) -> str:
    """The moment to the second, UTC."""
    return iso(moment.replace(microsecond=0))


def needs_postgres(id_: str, title: str, screen: str | None = None) -> OverviewLine:
    """The line that cannot be filled while PostgreSQL does not answer."""
    why = "It is read from PostgreSQL, which does not answer: see its line"
    return OverviewLine(id_, title, Verdict.UNKNOWN, "needs PostgreSQL", why, screen=screen)
