"""Figures of a plan as words."""

from __future__ import annotations

THIN = "\u202f"  # narrow no-break space: a number never breaks over two lines


def percent(share: float) -> str:
    """A share that says 100 only when it is all, and 0 only when it is nothing.

    >>> [percent(n).replace(THIN, ' ') for n in (0, 0.004, 0.62, 0.9999, 1)]
    ['0 %', '<1 %', '62 %', '99 %', '100 %']
    """
    whole = int(100 * share)
    return f"<1{THIN}%" if share > 0 and not whole else f"{min(whole, 100)}{THIN}%"


def count(number: float) -> str:
    """Whole numbers with thin spaces; parts of one as hundredths, never as 0.

    >>> [count(n).replace(THIN, ' ') for n in (24000, 2.4, 0.25, 0, 0.001)]
    ['24 000', '2.4', '0.25', '0', '<0.01']
    """
    if 0 < number < 0.01:
        return "<0.01"
    if number < 10 and number != int(number):
        return f"{number:.2f}".rstrip("0").rstrip(".")
    return f"{round(number):,}".replace(",", THIN)


def of_rows(number: float) -> str:
    """A count of rows.

    >>> of_rows(1), of_rows(2)
    ('1 row', '2 rows')
    """
    return f"{count(number)} row{'' if number == 1 else 's'}"


def milliseconds(value: float) -> str:
    """Milliseconds, never 0 for what took a little.

    >>> [milliseconds(n).replace(THIN, ' ') for n in (0, 0.0001, 0.0134, 2.25, 411.84, 12345.6)]
    ['0 ms', '<0.001 ms', '0.013 ms', '2.25 ms', '411.8 ms', '12 346 ms']
    """
    if value < 0.001:
        return f"<0.001{THIN}ms" if value > 0 else f"0{THIN}ms"
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 1000 else 0
    return f"{value:,.{digits}f}{THIN}ms".replace(",", THIN)


def kilobytes(kb: float) -> str:
    """Kilobytes of 1024 bytes, as the server counts them.

    >>> [kilobytes(n).replace(THIN, ' ') for n in (512, 20480, 3145728)]
    ['512 kB', '20 MB', '3.0 GB']
    """
    if kb < 10_000:
        return f"{kb:,.0f}{THIN}kB".replace(",", THIN)
    if kb < 1024 * 1000:
        return f"{kb / 1024:.0f}{THIN}MB"
    return f"{kb / 1024**2:.1f}{THIN}GB"
