"""The table of a collection's paths, 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from devora_console.cli.tables import number
from devora_console.core.safetext import one_line
from devora_console.migration.profile_snapshot import PathProfile

_WIDTH = 80
_PATH = 30
_COUNT = 10


def print_head(out: Console) -> None:
    """The names of the columns."""
    out.print(Text(f"  {'path':<{_PATH}} {'there':>{_COUNT}}  what", style="bold"))


def print_path(out: Console, path: PathProfile) -> None:
    """One path: how often it is there, and what stands at it in as many lines as that takes."""
    shown = one_line(path.path, 200)
    lines = textwrap.wrap(", ".join(_what(path)), _WIDTH - _PATH - _COUNT - 5) or [""]
    if cell_len(shown) > _PATH:
        for part in chop_cells(shown, _WIDTH - 2):
            out.print(Text(f"  {part}"))
        shown = ""
    space = " " * (_PATH - cell_len(shown))
    out.print(Text(f"  {shown}{space} {number(path.present):>{_COUNT}}  {lines[0]}"))
    for line in lines[1:]:
        out.print(Text(" " * (_PATH + _COUNT + 5) + line))


def _what(path: PathProfile) -> Iterator[str]:
    """What stands at a path, in a few words each: types, absences, then details."""
    kinds = [(kind, count) for kind, count in path.types.items() if kind != "null"]
    if len(kinds) == 1:
        yield kinds[0][0]
    else:
        yield from (f"{kind} {number(count)}" for kind, count in kinds)
    if path.null:
        yield "only null" if not kinds else f"null {number(path.null)}"
    if path.missing:
        yield f"missing {number(path.missing)}"
    yield from _strings(path)
    yield from _sizes(path)
    if path.hidden:
        yield "values not shown"
    if path.map_keys:
        yield "a map"


def _strings(path: PathProfile) -> Iterator[str]:
    text = path.strings
    if text is None:
        return
    if text.uuids:
        yield "UUID" if text.uuids == text.count else f"UUID {number(text.uuids)}"
    dates = text.iso_zoned + text.iso_naive
    if dates:
        parts = (("ISO zoned", text.iso_zoned), ("ISO naive", text.iso_naive), ("no date", text.iso_not))
        yield from (words if count == text.count else f"{words} {number(count)}" for words, count in parts if count)
    elif path.values:
        yield " ".join(f"{one_line(value, 40)} ×{number(count)}" for value, count in path.values.items())
    elif not text.uuids:
        same = text.shortest == text.longest
        yield f"{number(text.longest)} char." if same else f"{number(text.shortest)}–{number(text.longest)} char."
        if isinstance(path.distinct, int) and path.distinct < text.count and not path.hidden:
            yield f"{path.distinct} different" if path.distinct > 1 else "always the same"


def _sizes(path: PathProfile) -> Iterator[str]:
    numbers, dates, arrays = path.numbers, path.dates, path.arrays
    if numbers is not None and numbers.low is not None:
        yield f"{numbers.low}" if numbers.low == numbers.high else f"{numbers.low}–{numbers.high}"
    if numbers is not None and numbers.integral:
        yield "all whole"
    if numbers is not None and numbers.fractions:
        yield f"{number(numbers.fractions)} with fractions"
    if numbers is not None and numbers.not_finite:
        yield f"not finite {number(numbers.not_finite)}"
    if dates is not None and dates.first is not None and dates.last is not None:
        first, last = f"{dates.first:%Y-%m-%d}", f"{dates.last:%Y-%m-%d}"
        yield first if first == last else f"{first}–{last}"
    if dates is not None and dates.beyond:
        yield f"outside the years 1–9999 {number(dates.beyond)}"
    if arrays is not None:
        if arrays.shortest == arrays.longest:
            yield f"{number(arrays.longest)} element{'s' if arrays.longest != 1 else ''} each"
        else:
            yield f"{number(arrays.shortest)}–{number(arrays.longest)} elements, mean {arrays.mean:.1f}"
