"""Figures in words, for findings: never rounded to what is not true."""

from __future__ import annotations

from devora_console.core.clock import span
from devora_console.core.unknown import Unknown


def percent(part: float, whole: float) -> str:
    """A share with two decimals, cut and never rounded: 100 only when all, 0 only when none, "no data" of nothing.

    >>> [percent(*pair) for pair in ((99996, 100000), (999999, 1000000), (100, 100), (0, 5), (1, 10**6), (0, 0))]
    ['99.99 %', '99.99 %', '100.00 %', '0.00 %', '<0.01 %', 'no data']
    """
    if whole <= 0:
        return "no data"
    hundredths = int(part * 10_000) // int(whole) if float(part).is_integer() else int(part * 10_000 / whole)
    if hundredths == 0 and part > 0:
        return "<0.01 %"
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def count(number: int | Unknown) -> str:
    """Every digit, thousands apart.

    >>> count(1912004).replace(chr(0x202f), ' ')
    '1 912 004'
    """
    return "?" if isinstance(number, Unknown) else f"{number:,}".replace(",", "\u202f")


def figure(number: float) -> str:
    """A threshold: whole ones with every digit, others short; never with a power of ten.

    >>> [figure(n).replace(chr(0x202f), ' ') for n in (1e6, 99.0, 99.5, 2000050.4)]
    ['1 000 000', '99', '99.5', '2 000 050']
    """
    return count(round(number)) if float(number).is_integer() or abs(number) >= 1000 else f"{number:g}"


def size(number: float | Unknown) -> str:
    """Bytes with a decimal unit.

    >>> [size(n) for n in (512, 44_100_000, 1.3e9, -2_000_000)]
    ['512 B', '44.1 MB', '1.3 GB', '-2.0 MB']
    """
    if isinstance(number, Unknown):
        return "?"
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if abs(value) < 1000:
            break
        value, unit = value / 1000, larger
    return f"{round(value)} B" if unit == "B" else f"{value:.1f} {unit}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """The count with its noun.

    >>> plural(1, 'table'), plural(3, 'table')
    ('1 table', '3 tables')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def ago(seconds: float) -> str:
    """How long ago.

    >>> ago(250)
    '4m10s ago'
    """
    return f"{span(max(0.0, seconds))} ago"
