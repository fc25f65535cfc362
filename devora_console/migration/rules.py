"""Values under rules: what a source value becomes in a column, by a named rule, or why it is refused.

A converter takes a decoded BSON value (present and not null) and gives PostgreSQL's binary form of it, the same
bytes that COPY BINARY carries and that ``*_send`` functions return, so that loading and verifying share one truth.
Whatever it changes beyond the type it reports as ``(rule, lossy)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from devora_console.migration.encode import INT32, INT64, encode_jsonb, encode_moment, encode_numeric
from devora_console.mongo.ejson import ejson, milliseconds


class Refusal(Exception):
    """The document cannot be migrated as it is: it goes whole to quarantine."""

    def __init__(self, rule: str, path: str, message: str, constraint: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.path = path
        self.message = message
        self.constraint = constraint


@dataclass(slots=True)
class Notes:
    """What happened to one document on its way: rules applied, and originals of what lost something."""

    counts: dict[str, int] = field(default_factory=dict)
    originals: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def count(self, rule: str) -> None:
        """The rule was applied once more."""
        self.counts[rule] = self.counts.get(rule, 0) + 1

    def lossy(self, rule: str, path: str, value: Any) -> None:
        """The rule lost something: the original is kept beside the row as Extended JSON."""
        self.count(rule)
        self.originals[path] = ejson(value)


@dataclass(frozen=True, slots=True)
class ColumnRules:
    """What a converter needs to know about its column."""

    path: str
    naive_is_utc: bool = True
    nul: str = "replace"  # or "quarantine"
    max_length: int | None = None
    scale: int | None = None
    precision: int | None = None
    values: tuple[tuple[str, str], ...] = ()
    values_rule: str = "value_mapped"


Converter = Callable[[Any, ColumnRules, Notes], bytes]

# Digits before or behind the point; numeric itself ends at 131,072 and 16,383.
_LONGEST_NUMBER = 10_000
# Wide enough for any Decimal128 (34 digits, exponents to ±6176) without rounding.
_WIDE = Context(prec=13_000, Emax=999_999, Emin=-999_999)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}(?::\d{2})?)"
    r"(?:[.,](?P<fraction>\d{1,12}))?(?P<zone>Z|z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_DECIMAL = re.compile(r"\s*[+-]?\d{1,40}(\.\d{1,40})?\s*", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def to_text(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """Text, exactly. NUL, which PostgreSQL cannot hold, becomes U+2400 under the rule ``nul_replaced``."""
    if not isinstance(value, str) or isinstance(value, Code):
        raise Refusal("wrong_type", rules.path, f"expected text, found {_kind(value)}")
    text = value
    if rules.values:
        for source, target in rules.values:
            if text == source:
                if target != source:
                    notes.lossy(rules.values_rule, rules.path, value)
                text = target
                break
    if "\x00" in text:
        if rules.nul != "replace":
            raise Refusal("nul", rules.path, "text holds NUL, which PostgreSQL cannot store")
        notes.lossy("nul_replaced", rules.path, value)
        text = text.replace("\x00", "\u2400")
    if rules.max_length is not None and len(text) > rules.max_length:
        raise Refusal("too_long", rules.path, f"{len(text)} characters, the column takes {rules.max_length}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal("invalid_utf8", rules.path, "text is not valid UTF-8") from None


def to_uuid(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """A UUID from its canonical text or from BSON binary subtype 4; legacy subtype 3 is never guessed at."""
    if isinstance(value, str):
        if _UUID.fullmatch(value):
            if value != value.lower():
                notes.lossy("uuid_lowercased", rules.path, value)
            return bytes.fromhex(value.replace("-", ""))
        raise Refusal("bad_uuid", rules.path, "not a UUID")
    if isinstance(value, Binary) and value.subtype == 4 and len(value) == 16:
        notes.lossy("uuid_binary", rules.path, value)  # the row does not tell it from text
        return bytes(value)
    raise Refusal("bad_uuid", rules.path, f"expected a UUID, found {_kind(value)}")


def to_bool(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """A boolean; nothing else counts as one."""
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    raise Refusal("wrong_type", rules.path, f"expected a boolean, found {_kind(value)}")


def to_int4(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """A 32-bit integer; doubles only when integral (JavaScript writes 5 as 5.0)."""
    return INT32.pack(_integer(value, rules, notes, 31))


def to_int8(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """A 64-bit integer; doubles only when integral."""
    return INT64.pack(_integer(value, rules, notes, 63))


def _integer(value: Any, rules: ColumnRules, notes: Notes, bits: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal("wrong_type", rules.path, f"expected an integer, found {_kind(value)}")
    if isinstance(value, float):
        if not value.is_integer():
            raise Refusal("bad_number", rules.path, "expected an integer, found a fraction")
        notes.count("double_to_integer")
    number = int(value)
    if not -(2**bits) <= number < 2**bits:
        raise Refusal("out_of_range", rules.path, f"does not fit {bits + 1} bits")
    return number


def to_numeric(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """A decimal of the column's scale. Binary noise of a double (below 1e-9) is rounded off and counted."""
    number = _decimal(value, rules, notes)
    if abs(number.adjusted()) > _LONGEST_NUMBER:
        raise Refusal("bad_number", rules.path, "more digits than a number of this column can have")
    if rules.scale is None:
        return encode_numeric(number)
    rounded = number.quantize(Decimal(1).scaleb(-rules.scale), context=_WIDE)
    if rounded != number:
        if not isinstance(value, float) or abs(_WIDE.subtract(rounded, number)) > Decimal("1e-9"):
            raise Refusal("scale", rules.path, f"more than {rules.scale} decimals")
        notes.lossy("float_noise", rules.path, value)
    if rules.precision is not None and abs(rounded) >= Decimal(10) ** (rules.precision - rules.scale):
        raise Refusal("bad_number", rules.path, f"does not fit numeric({rules.precision},{rules.scale})")
    return encode_numeric(rounded, rules.scale)


def _decimal(value: Any, rules: ColumnRules, notes: Notes) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal128):
        raise Refusal("wrong_type", rules.path, f"expected a number, found {_kind(value)}")
    try:
        if isinstance(value, float):
            number = Decimal(repr(value))
            notes.count("float_to_numeric")
        elif isinstance(value, Decimal128):
            number = value.to_decimal()
        elif isinstance(value, str):
            number = Decimal(value.strip()) if _DECIMAL.fullmatch(value) else Decimal("NaN")
            notes.lossy("numeric_text", rules.path, value)
        else:
            number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise Refusal("bad_number", rules.path, "not a number") from None
    if not number.is_finite():
        raise Refusal("bad_number", rules.path, "not a finite number")
    return number


def to_timestamptz(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """A moment from a BSON date (milliseconds) or an ISO 8601 string (microseconds)."""
    return timestamptz(moment_us(value, rules, notes), rules.path)


def timestamptz(us: int, path: str) -> bytes:
    """The binary form of microseconds since 1970; Refusal beyond PostgreSQL's range."""
    cell = encode_moment(us)
    if cell is None:
        raise Refusal("bad_date", path, "outside the range of timestamptz")
    return cell


def moment_us(value: Any, rules: ColumnRules, notes: Notes) -> int:
    """Microseconds since 1970. Rules: ``iso8601``, ``naive_as_utc``, ``fraction_cut``."""
    if isinstance(value, datetime | DatetimeMS):
        return milliseconds(value) * 1000
    if not isinstance(value, str):
        raise Refusal("wrong_type", rules.path, f"expected a date, found {_kind(value)}")
    match = _ISO.fullmatch(value.strip())
    if match is None:
        raise Refusal("bad_date", rules.path, "not an ISO 8601 date and time")
    zone = match["zone"]
    if zone is None:
        if not rules.naive_is_utc:
            raise Refusal("bad_date", rules.path, "a date without a zone")
        notes.count("naive_as_utc")
        zone = "+00:00"
    else:
        notes.count("iso8601")
        zone = "+00:00" if zone in "Zz" else zone if len(zone) > 3 else zone + ":00"
    fraction = match["fraction"] or ""
    if len(fraction) > 6 and fraction[6:].strip("0"):
        notes.lossy("fraction_cut", rules.path, value)
    try:
        whole = datetime.fromisoformat(f"{match['date']}T{match['time']}{zone}")
    except ValueError:
        raise Refusal("bad_date", rules.path, "not a date that exists") from None
    return (whole - _UNIX) // timedelta(microseconds=1) + int(fraction[:6].ljust(6, "0"))


def to_jsonb(value: Any, rules: ColumnRules, notes: Notes) -> bytes:
    """jsonb holding canonical Extended JSON, in the very bytes ``jsonb_send`` gives back."""
    return encode_jsonb(ejson(value))


def _kind(value: Any) -> str:
    names = {dict: "a document", list: "an array", str: "text", bool: "a boolean", int: "an integer", float: "a double"}
    return names.get(type(value), type(value).__name__)


CONVERTERS: dict[str, Converter] = {
    "text": to_text,
    "uuid": to_uuid,
    "bool": to_bool,
    "int4": to_int4,
    "int8": to_int8,
    "numeric": to_numeric,
    "timestamptz": to_timestamptz,
    "jsonb": to_jsonb,
}
