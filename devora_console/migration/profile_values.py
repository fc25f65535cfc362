"""What has been seen at one path: counted by lists of values, so that the work is done in C and nothing is kept.

Of the values themselves at most twenty short strings stay in memory; of a private path not even those.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from devora_console.migration.profile_legacy import DBPointer, Symbol, Undefined
from devora_console.migration.profile_names import LONGEST_SHOWN, may_be_shown
from devora_console.migration.profile_snapshot import Arrays, Dates, Number, Numbers, Strings

TYPES: dict[type, str] = {
    dict: "object",
    DBRef: "object",
    list: "array",
    str: "string",
    type(None): "null",
    bool: "bool",
    int: "int",
    Int64: "long",
    float: "double",
    Decimal128: "decimal",
    datetime: "date",
    DatetimeMS: "date",
    ObjectId: "objectId",
    bytes: "binData(0)",
    Regex: "regex",
    Timestamp: "timestamp",
    MinKey: "minKey",
    MaxKey: "maxKey",
    Undefined: "undefined",
    Symbol: "symbol",
    DBPointer: "dbPointer",
}
MANY = "many"
_MOST_DISTINCT = 20
_MOST_SHOWN = 12
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,12})?)?(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
).fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch


def type_name(value: Any) -> str:
    """The name MongoDB's ``$type`` has for a decoded value; binData with its subtype."""
    kind = type(value)
    if kind is Binary:
        return f"binData({value.subtype})"
    if kind is Code:
        return "javascript" if value.scope is None else "javascriptWithScope"
    return TYPES.get(kind) or kind.__name__


class Values:
    """The tally of one path. ``private``: no value is kept, not even for a moment longer than it is counted."""

    __slots__ = (
        "_arrays", "_beyond", "_dates", "_distinct", "_doubles", "_elements", "_first", "_fractions", "_high", "_last",
        "_longest", "_longest_array", "_low", "_naive", "_not_finite", "_nul", "_shortest", "_shortest_array",
        "_uuids", "_whole", "_zoned", "private", "types",
    )  # fmt: skip

    def __init__(self, *, private: bool) -> None:
        self.private = private
        self.types: Counter[str] = Counter()
        self._shortest: int | None = None
        self._longest = 0
        self._zoned = self._naive = self._uuids = self._nul = 0
        # How often each string occurs: itself when it is short and may be shown, else its digest. None: too many.
        self._distinct: dict[str | bytes, int] | None = {}
        self._low: Number | None = None
        self._high: Number | None = None
        self._doubles = self._whole = self._fractions = self._not_finite = 0
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._dates = self._beyond = 0
        self._arrays = self._elements = self._longest_array = 0
        self._shortest_array: int | None = None

    @property
    def present(self) -> int:
        """How many values there were, nulls included."""
        return self.types.total()

    @property
    def nul(self) -> int:
        """Strings that hold NUL."""
        return self._nul

    @property
    def beyond(self) -> int:
        """Dates outside the years 1 to 9999."""
        return self._beyond

    @property
    def not_finite(self) -> int:
        """NaN and infinite numbers."""
        return self._not_finite

    def take(self, values: list[Any]) -> tuple[list[dict[str, Any]], list[list[Any]]]:
        """Count these values; gives back the documents and the arrays among them, to be looked into."""
        documents: list[dict[str, Any]] = []
        arrays: list[list[Any]] = []
        kinds = Counter(map(type, values))
        for kind in kinds:
            group: list[Any] = values if len(kinds) == 1 else [value for value in values if type(value) is kind]
            name = TYPES.get(kind)
            if name is None:
                self.types.update(map(type_name, group))
                continue
            self.types[name] += len(group)
            if kind is dict:
                documents += group
            elif kind is list:
                arrays = list(group)  # the caller empties what it gave us
            elif kind is DBRef:
                documents += [dict(value.as_doc()) for value in group]
            elif kind in _TAKE:
                _TAKE[kind](self, group)
        if arrays:
            self._count_arrays(arrays)
        return documents, arrays

    def _strings(self, strings: list[str]) -> None:
        lengths = list(map(len, strings))
        shortest, longest = min(lengths), max(lengths)
        self._shortest = shortest if self._shortest is None else min(shortest, self._shortest)
        self._longest = max(longest, self._longest)
        if longest >= 16:
            for text, length in zip(strings, lengths, strict=True):
                if 16 <= length <= 45 and text[4] == "-" and (match := _ISO(text)):
                    if match[1]:
                        self._zoned += 1
                    else:
                        self._naive += 1
                elif length == 36 and text[8] == "-" and _UUID(text):
                    self._uuids += 1
        self._nul += sum(["\x00" in text for text in strings])
        if self._distinct is not None:
            self._keep(Counter(strings))

    def _keep(self, counted: Counter[str]) -> None:
        assert self._distinct is not None
        for text, times in counted.items():
            key = _digest(text) if self.private or len(text) > LONGEST_SHOWN else text
            self._distinct[key] = self._distinct.get(key, 0) + times
            if len(self._distinct) > _MOST_DISTINCT:
                self._distinct = None
                return

    def _integers(self, numbers: Sequence[int]) -> None:
        self._range(int(min(numbers)), int(max(numbers)))

    def _floats(self, numbers: list[float]) -> None:
        self._doubles += len(numbers)
        finite = list(filter(isfinite, numbers))
        self._not_finite += len(numbers) - len(finite)
        whole = sum(map(float.is_integer, finite))
        self._whole += whole
        self._fractions += len(finite) - whole
        if finite:
            self._range(min(finite), max(finite))

    def _decimals(self, numbers: list[Decimal128]) -> None:
        finite = [number for number in (each.to_decimal() for each in numbers) if number.is_finite()]
        self._not_finite += len(numbers) - len(finite)
        if finite:
            self._range(min(finite), max(finite))

    def _range(self, low: Number, high: Number) -> None:
        if self.private:
            return
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)

    def _moments(self, moments: list[datetime]) -> None:
        self._dates += len(moments)
        if not self.private:
            first, last = min(moments), max(moments)
            self._first = first if self._first is None else min(self._first, first)
            self._last = last if self._last is None else max(self._last, last)

    def _moments_beyond(self, moments: list[DatetimeMS]) -> None:
        self._dates += len(moments)
        self._beyond += len(moments)

    def _count_arrays(self, arrays: list[list[Any]]) -> None:
        lengths = list(map(len, arrays))
        shortest = min(lengths)
        self._arrays += len(lengths)
        self._elements += sum(lengths)
        self._shortest_array = shortest if self._shortest_array is None else min(shortest, self._shortest_array)
        self._longest_array = max(*lengths, self._longest_array)

    def hide(self) -> None:
        """From now on the path is private: what was kept of its values is forgotten."""
        self.private = True
        self._low = self._high = self._first = self._last = None
        if self._distinct is not None:
            self._distinct = {key if isinstance(key, bytes) else _digest(key): n for key, n in self._distinct.items()}

    def absorb(self, other: Values) -> None:
        """Add what was seen at another path."""
        if other.private and not self.private:
            self.hide()
        self.types.update(other.types)
        for name in ("_zoned", "_naive", "_uuids", "_nul", "_doubles", "_fractions", "_not_finite", "_dates", "_beyond",
                     "_arrays", "_elements", "_whole"):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, choose in (("_shortest", min), ("_longest", max), ("_shortest_array", min), ("_longest_array", max)):
            _set(self, other, name, choose)
        if not self.private:
            for name, choose in (("_low", min), ("_high", max), ("_first", min), ("_last", max)):
                _set(self, other, name, choose)
        if other._distinct is None:
            self._distinct = None
        elif self._distinct is not None:
            for key, times in other._distinct.items():
                mine = _digest(key) if self.private and isinstance(key, str) else key
                self._distinct[mine] = self._distinct.get(mine, 0) + times
            if len(self._distinct) > _MOST_DISTINCT:
                self._distinct = None

    def strings(self) -> Strings | None:
        """What is known of the strings."""
        count = self.types["string"]
        if not count or self._shortest is None:
            return None
        rest = count - self._zoned - self._naive
        return Strings(count, self._shortest, self._longest, self._zoned, self._naive, rest, self._uuids, self._nul)

    def numbers(self) -> Numbers | None:
        """What is known of the numbers."""
        count = sum(self.types[name] for name in ("int", "long", "double", "decimal"))
        if not count:
            return None
        integral = self._whole == self._doubles if self._doubles else None
        return Numbers(count, self._low, self._high, integral, self._fractions, self._not_finite)

    def dates(self) -> Dates | None:
        """What is known of the dates."""
        return Dates(self._dates, self._first, self._last, self._beyond) if self._dates else None

    def arrays(self) -> Arrays | None:
        """What is known of the arrays' lengths."""
        if not self._arrays or self._shortest_array is None:
            return None
        return Arrays(self._arrays, self._shortest_array, self._longest_array, round(self._elements / self._arrays, 2))

    def distinct(self) -> int | str | None:
        """How many different strings; "many" beyond twenty."""
        if not self.types["string"]:
            return None
        return MANY if self._distinct is None else len(self._distinct)

    def shown(self) -> dict[str, int] | None:
        """The strings themselves, where they are a few marks that keep coming back, most frequent first."""
        if self.private or not self._distinct or len(self._distinct) > _MOST_SHOWN:
            return None
        texts = {key: times for key, times in self._distinct.items() if isinstance(key, str)}
        # Values that hardly come back are somebody's own, not a program's choice.
        if len(texts) < len(self._distinct) or sum(texts.values()) < 2 * len(texts):
            return None
        if not all(map(may_be_shown, texts)):
            return None
        return dict(sorted(texts.items(), key=lambda item: (-item[1], item[0])))


_TAKE: dict[type, Callable[[Values, list[Any]], None]] = {
    str: Values._strings,
    int: Values._integers,
    Int64: Values._integers,
    float: Values._floats,
    Decimal128: Values._decimals,
    datetime: Values._moments,
    DatetimeMS: Values._moments_beyond,
}


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _set(mine: Values, other: Values, name: str, choose: Callable[..., Any]) -> None:
    found = [value for value in (getattr(mine, name), getattr(other, name)) if value is not None]
    setattr(mine, name, choose(found) if found else None)
