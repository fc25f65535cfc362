"""Figures as people read them: thin thousands, three digits and a unit, time left without false precision."""

from __future__ import annotations

from devora_console.core.clock import span
from devora_console.core.unknown import Unknown

THIN = "\u202f"  # narrow no-break space: a number never breaks over two lines


def whole(number: int | Unknown) -> str:
    """Every digit, thousands apart.

    >>> whole(1912004).replace(THIN, ' ')
    '1 912 004'
    """
    if isinstance(number, Unknown):
        return "?"
    return f"{number:,}".replace(",", THIN)


def short(number: float | Unknown) -> str:
    """Three digits and a power, counts below ten thousand whole.

    >>> [short(n).replace(THIN, ' ') for n in (0, 812, 1620, 61234, 999950, 1912004, 3.2e9)]
    ['0', '812', '1 620', '61.2 k', '1.00 M', '1.91 M', '3.20 G']
    """
    if isinstance(number, Unknown):
        return "?"
    if abs(number) < 9_999.5:
        return whole(round(number))
    return _scaled(number, (" k", " M", " G", " T"))


def figure(number: int | Unknown, width: int) -> str:
    """Every digit where ``width`` cells allow it, three digits and a unit otherwise: a number is never cut.

    >>> [figure(n, 9).replace(THIN, ' ') for n in (1912004, 19120044)]
    ['1 912 004', '19.1 M']
    """
    every = whole(number)
    return every if len(every) <= width else short(number)


def size(count: float | Unknown) -> str:
    """Bytes with a decimal unit.

    >>> [size(n) for n in (512, 44_100_000, 1.3e9)]
    ['512 B', '44.1 MB', '1.30 GB']
    """
    if isinstance(count, Unknown):
        return "?"
    if abs(count) < 1000:
        return f"{round(count)} B"
    return _scaled(count, (" kB", " MB", " GB", " TB"))


def _scaled(number: float, units: tuple[str, ...]) -> str:
    value = float(number)
    power = 0
    while True:
        value /= 1000
        if abs(value) < 999.5 or power == len(units) - 1:
            break
        power += 1
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}{units[power]}"


def share(done: int, total: int | Unknown) -> str:
    """A percentage that says 100 only when all is done, and 0 only when nothing is.

    >>> [share(*pair) for pair in ((0, 10), (1, 1000), (999, 1000), (1000, 1000), (61, 100))]
    ['0 %', '<1 %', '99 %', '100 %', '61 %']
    """
    if isinstance(total, Unknown) or total <= 0:
        return "?"
    percent = int(100 * done / total)
    if percent == 0 and done:
        return "<1 %"
    return f"{min(percent, 100)} %"


def time_left(seconds: float | Unknown, spread: float | Unknown) -> str:
    """What remains, in the unit a person would use, and how sure that is; empty when not known.

    >>> time_left(243, 55), time_left(38, 4), time_left(9000, 700), time_left(0.4, 0)
    ('about 4 min left (±1)', 'about 40 s left (±5)', 'about 2h30m left (±12 min)', 'about 5 s left')
    """
    if isinstance(seconds, Unknown):
        return ""
    about = 0.0 if isinstance(spread, Unknown) else spread
    if seconds < 90:
        rest, sure = max(5, 5 * round(seconds / 5)), 5 * round(about / 5)
        return f"about {rest} s left" + (f" (±{sure})" if sure else "")
    sure = round(about / 60)
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min left" + (f" (±{sure})" if sure else "")
    return f"about {span(60 * round(seconds / 60))} left" + (f" (±{sure} min)" if sure else "")


def plural(count: int, one: str, many: str | None = None) -> str:
    """The count with its noun.

    >>> plural(1, 'document'), plural(3, 'document'), plural(2, 'reply', 'replies')
    ('1 document', '3 documents', '2 replies')
    """
    return f"{whole(count)} {one if count == 1 else many or one + 's'}"


def share_words(share: float) -> str:
    """A share of 1 in percent; never "all" or "nothing" of what is neither.

    >>> [share_words(each) for each in (0.0, 0.0002, 0.0125, 0.9997, 1.0)]
    ['0.0 %', '<0.1 %', '1.2 %', '99.9 %', '100.0 %']
    """
    words = f"{100 * share:.1f}"
    if words == "0.0" and share > 0:
        return "<0.1 %"
    return "99.9 %" if words == "100.0" and share < 1 else f"{words} %"
