"""Columns of many documents at once: for each value the bytes that COPY BINARY carries, as fast as Python can.

Every encoder here is a short cut through :mod:`~devora_console.migration.rules`, made once per column from mapping and
catalogue: it takes the values that need no thought, and gives None for those that do. Whole columns are tested and
encoded by single calls into C. What comes out is what the long way gives, to the byte; the tests hold the two against
each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from struct import Struct
from typing import Any

from devora_console.migration.encode import INT32, NULL, wire
from devora_console.migration.fields import MISSING
from devora_console.migration.mapping import Absent
from devora_console.migration.plan import ColumnPlan
from devora_console.migration.rules import Notes, Refusal

_LENGTH = INT32.pack
_SHORT, _MANY = 64, 4096  # a cache holds short values only, and not many
_UUID_LENGTH = _LENGTH(16)
_SHAPE = b"00000000-0000-0000-0000-000000000000"
_HEX = bytes(48 if chr(each) in "0123456789abcdef" else each for each in range(256))
_TRUE, _FALSE = _LENGTH(1) + b"\x01", _LENGTH(1) + b"\x00"
_DAY_US = 86_400_000_000
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_DAYS: dict[str, int] = {}
_MINUTES = {f"T{each // 60:02}:{each % 60:02}": each * 60_000_000 for each in range(1440)}
_SECONDS = {f":{each:02}.": each * 1_000_000 for each in range(60)}

Counts = dict[str, int]


@dataclass(slots=True)
class Cells:
    """Wire cells of one column. None: this value must go the long way.

    ``rule`` was applied to every value, but for those in ``odd``, which says what was applied to them instead.
    """

    cells: list[bytes | None]
    rule: str | None = None
    odd: dict[int, Counts] = field(default_factory=dict)


Encoder = Callable[[list[Any]], Cells]


def encoder(plan: ColumnPlan) -> Encoder:
    """The short cut for a column."""
    make = {"text": _text, "uuid": _uuid, "bool": _bool, "int4": _int4, "numeric": _numeric, "timestamptz": _moment}
    # A value that may be derived from other documents leaves a note whenever it is there.
    long = _Long(plan)
    encode = (_plain if plan.decided else make.get(plan.column.type, _plain))(long)
    if MISSING not in long.silent:
        return encode

    def mostly_missing(values: list[Any]) -> Cells:
        if values.count(MISSING) == len(values):
            return Cells([NULL] * len(values))
        return encode(values)

    return mostly_missing


class _Long:
    """The long way for single values, and what stands silently for an absent one."""

    def __init__(self, plan: ColumnPlan) -> None:
        self.plan = plan
        column = plan.column
        silent: list[object] = []
        # An absence that leaves a note beside the row is not silent: see fields.value_of.
        if column.missing.how in (Absent.NULL, Absent.OWNER) and column.usual == "missing":
            silent.append(MISSING)
        if column.null.how in (Absent.NULL, Absent.OWNER) and column.usual == "null":
            silent.append(None)
        self.silent = tuple(silent)

    def one(self, value: Any) -> tuple[bytes | None, Counts]:
        """(wire cell, rules applied) of a value that leaves no note; (None, {}) for any other."""
        if value is MISSING or value is None:
            return (NULL if any(value is each for each in self.silent) else None), {}
        if self.plan.decided:
            return None, {}
        notes = Notes()
        try:
            cell = self.plan.convert(value, self.plan.rules, notes)
        except Refusal:
            return None, {}
        return (None, {}) if notes.originals or notes.missing else (wire(cell), notes.counts)

    def rest(self, values: Sequence[Any], into: Cells) -> Cells:
        """Fill the gaps that a short cut has left."""
        for at, cell in enumerate(into.cells):
            if cell is None:
                into.cells[at], counts = self.one(values[at])
                if into.cells[at] is not None and counts != ({into.rule: 1} if into.rule else {}):
                    into.odd[at] = counts
        return into


def _plain(long: _Long) -> Encoder:
    """No short cut: every value the long way."""
    return lambda values: long.rest(values, Cells([None] * len(values)))


def _text(long: _Long) -> Encoder:
    rules = long.plan.rules
    longest = rules.max_length
    absent = {id(each): NULL for each in long.silent}
    if rules.values or (longest is not None and longest <= _SHORT * 2):
        return _cached(long, str, None)

    def one(value: Any) -> bytes | None:
        if type(value) is not str:
            return absent.get(id(value))
        if (longest is not None and len(value) > longest) or "\x00" in value:
            return None
        try:
            raw = value.encode()
        except UnicodeEncodeError:
            return None
        return _LENGTH(len(raw)) + raw

    def encode(values: list[Any]) -> Cells:
        if set(map(type, values)) == {str} and (longest is None or max(map(len, values)) <= longest):
            try:
                raw = [each.encode() for each in values]
            except UnicodeEncodeError:
                raw = []
            if raw and not any(b"\x00" in each for each in raw):
                return Cells([_LENGTH(len(each)) + each for each in raw])
        return long.rest(values, Cells([one(each) for each in values]))

    return encode


def _cached(long: _Long, kind: type, rule: str | None) -> Encoder:
    """For columns of which few values recur: words, prices. Only values of ``kind`` are remembered."""
    known: dict[Any, bytes] = {}
    absent = {id(each): NULL for each in long.silent} if rule is None else {}

    def encode(values: list[Any]) -> Cells:
        found = Cells([known.get(v) if type(v) is kind else absent.get(id(v)) for v in values], rule)
        if None in found.cells:
            _learn(long, values, found, known, kind)
        return found

    return encode


def _learn(long: _Long, values: list[Any], found: Cells, known: dict[Any, bytes], kind: type) -> None:
    usual = {found.rule: 1} if found.rule else {}
    for at, cell in enumerate(found.cells):
        if cell is None:
            value = values[at]
            found.cells[at], counts = long.one(value)
            if found.cells[at] is None:
                continue
            if counts != usual:
                found.odd[at] = counts
            elif type(value) is kind and len(known) < _MANY and (not isinstance(value, str) or len(value) <= _SHORT):
                known[value] = found.cells[at]  # type: ignore[assignment]  # not None: tested above


def _uuid(long: _Long) -> Encoder:
    def encode(values: list[Any]) -> Cells:
        cells = uuid_cells(values)
        return long.rest(values, Cells(cells)) if None in cells else Cells(cells)

    return encode


def uuid_cells(values: Sequence[Any]) -> list[bytes | None]:
    """Wire cells of canonical lower-case UUIDs; None for any other value."""
    try:
        return _uuids(" ".join(values), len(values))
    except (TypeError, ValueError):
        pass
    likely = [at for at, each in enumerate(values) if type(each) is str and len(each) == len(_SHAPE)]
    cells: list[bytes | None] = [None] * len(values)
    try:
        found = _uuids(" ".join([values[at] for at in likely]), len(likely))
    except ValueError:
        found = [_one_uuid(values[at]) for at in likely]
    for at, cell in zip(likely, found, strict=True):
        cells[at] = cell
    return cells


def _uuids(joined: str, count: int) -> list[bytes | None]:
    """``count`` UUIDs with a space between each two. ValueError if any is not canonical."""
    # The pattern has exactly as many spaces as joining puts in: none can be part of a value.
    if joined.encode("ascii", "replace").translate(_HEX) != b" ".join([_SHAPE] * count):
        raise ValueError(joined[:100])
    raw = bytes.fromhex(joined.replace("-", ""))
    return [_UUID_LENGTH + raw[at : at + 16] for at in range(0, len(raw), 16)]


def _one_uuid(text: str) -> bytes | None:
    try:
        return _uuids(text, 1)[0]
    except ValueError:
        return None


def _bool(long: _Long) -> Encoder:
    def encode(values: list[Any]) -> Cells:
        cells = [_TRUE if each is True else _FALSE if each is False else None for each in values]
        return long.rest(values, Cells(cells)) if None in cells else Cells(cells)

    return encode


def _int4(long: _Long) -> Encoder:
    absent = {id(each): NULL for each in long.silent}

    def encode(values: list[Any]) -> Cells:
        cells = [
            _LENGTH(4) + INT32.pack(each)
            if type(each) is int and -0x80000000 <= each < 0x80000000
            else absent.get(id(each))
            for each in values
        ]
        return long.rest(values, Cells(cells)) if None in cells else Cells(cells)

    return encode


def _numeric(long: _Long) -> Encoder:
    # 0.0 and -0.0 are one key of a dictionary and one numeric.
    return _cached(long, float, "float_to_numeric")


def _moment(long: _Long) -> Encoder:
    """ISO 8601 as Python writes it in UTC: 2024-05-01T10:00:00.123456+00:00."""

    def encode(values: list[Any]) -> Cells:
        try:
            return Cells(_moments(values), "iso8601")
        except (TypeError, ValueError, KeyError):
            pass
        cells: list[bytes | None] = [None] * len(values)
        likely = [at for at, each in enumerate(values) if type(each) is str and _looks_usual(each)]
        try:
            found = _moments([values[at] for at in likely])
        except (ValueError, KeyError):
            found = [_one_moment(values[at]) for at in likely]
        for at, cell in zip(likely, found, strict=True):
            cells[at] = cell
        return long.rest(values, Cells(cells, "iso8601"))

    return encode


_PACK = Struct(">iq").pack
_ISO_SHAPE = b"0000-00-00T00:00:00.000000+00:00"
_DIGITS = bytes(48 if chr(each) in "0123456789" else each for each in range(256))


def _moments(values: Sequence[str]) -> list[bytes | None]:
    """Wire cells of moments. ValueError or KeyError for any that is written otherwise or was not met before."""
    joined = " ".join(values)
    if joined.encode("ascii", "replace").translate(_DIGITS) != b" ".join([_ISO_SHAPE] * len(values)):
        raise ValueError(joined[:100])
    if joined.count("+00:00") != len(values):  # the shape has one sign for each value
        raise ValueError(joined[:100])
    days, minutes, seconds = _DAYS, _MINUTES, _SECONDS  # small enough to stay in the processor's cache
    return [
        _PACK(8, days[each[:10]] + minutes[each[10:16]] + seconds[each[16:20]] + int(each[20:26])) for each in values
    ]


def _looks_usual(text: str) -> bool:
    return len(text) == len(_ISO_SHAPE) and text.endswith("+00:00")


def _one_moment(text: str) -> bytes | None:
    """As :func:`_moments`, and remembers days that have not been met before."""
    day = text[:10]
    if len(_DAYS) < 100_000 and day not in _DAYS and day[4:5] == day[7:8] == "-":  # fromisoformat takes 2024W011 too
        try:
            _DAYS[day] = (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * _DAY_US
        except ValueError:
            return None
    try:
        return _moments([text])[0]
    except (ValueError, KeyError):
        return None
