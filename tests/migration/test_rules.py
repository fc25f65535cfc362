"""Values under rules: our binary forms are PostgreSQL's own, and what cannot be said is refused by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given, settings
from hypothesis import strategies as st

from devora_console.config.secret import Dsn
from devora_console.migration.cells import decode_numeric
from devora_console.migration.encode import encode_jsonb, encode_moment, encode_numeric
from devora_console.migration.rules import (
    CONVERTERS,
    ColumnRules,
    Notes,
    Refusal,
    moment_us,
    to_numeric,
    to_text,
    to_timestamptz,
    to_uuid,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Server:
    """Asks the real server, from the plain functions that hypothesis wants."""

    def __init__(self, dsn: Dsn) -> None:
        self._loop = asyncio.new_event_loop()
        self._connection = self._loop.run_until_complete(asyncpg.connect(dsn.reveal()))
        self._loop.run_until_complete(self._connection.execute("SET TimeZone = 'UTC'"))

    def ask(self, statement: str, *values: Any) -> Any:
        """One value."""
        return self._loop.run_until_complete(self._connection.fetchval(statement, *values))

    def close(self) -> None:
        """The connection goes."""
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()


@pytest.fixture(scope="module")
def server(postgres_admin: Dsn) -> Iterator[Server]:
    """A connection to the real server."""
    server = Server(postgres_admin)
    yield server
    server.close()


@settings(max_examples=150, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda d: abs(d.adjusted()) < 400))
def test_numeric_is_the_servers(server: Server, number: Decimal) -> None:
    text = format(number, "f")
    assert encode_numeric(number) == server.ask("SELECT numeric_send($1::text::numeric)", text)


@settings(max_examples=150, deadline=None)
@given(st.decimals(-(10**8) + 1, 10**8 - 1, allow_nan=False, places=2))
def test_numeric_of_a_column_is_the_servers(server: Server, number: Decimal) -> None:
    cell = to_numeric(Decimal128(number), ColumnRules("/x", scale=2, precision=10), Notes())
    assert cell == server.ask("SELECT numeric_send($1::text::numeric(10, 2))", format(number, "f"))
    assert decode_numeric(cell) == number


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=250, deadline=None)
@given(_JSON)
def test_jsonb_is_the_servers(server: Server, value: Any) -> None:
    assert encode_jsonb(value) == server.ask("SELECT jsonb_send($1::text::jsonb)", json.dumps(value))


def test_every_character_in_jsonb_is_the_servers(server: Server) -> None:
    text = "".join(map(chr, [*range(1, 0x800), 0x2028, 0x2029, 0xFEFF, 0xFFFF, 0x10000, 0x10FFFF]))
    for value in (text, {text: text}):
        assert encode_jsonb(value) == server.ask("SELECT jsonb_send($1::text::jsonb)", json.dumps(value))


@settings(max_examples=150, deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_timestamptz_is_the_servers(server: Server, moment: datetime) -> None:
    us = (moment - _EPOCH) // timedelta(microseconds=1)
    assert encode_moment(us) == server.ask("SELECT timestamptz_send($1)", moment)


def test_the_ends_of_timestamptz(server: Server) -> None:
    first = "4714-11-24 00:00:00+00 BC"
    last = "294276-12-31 23:59:59.999999+00"
    for text, beyond in ((first, -1), (last, 1)):
        sent = server.ask("SELECT timestamptz_send($1::text::timestamptz)", text)
        epoch = int.from_bytes(sent, "big", signed=True) + 946_684_800 * 10**6
        assert encode_moment(epoch) == sent
        assert encode_moment(epoch + beyond) is None
    with pytest.raises(Refusal, match="outside the range"):
        to_timestamptz(DatetimeMS(2**63 - 1), ColumnRules("/x"), Notes())


@pytest.mark.parametrize(
    ("text", "expected", "rule"),
    [
        ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00+00:00", "iso8601"),
        ("2024-05-01T10:00:00.5+02:00", "2024-05-01T08:00:00.500000+00:00", "iso8601"),
        ("2024-05-01 10:00:00.123456-0330", "2024-05-01T13:30:00.123456+00:00", "iso8601"),
        (" 2024-05-01T10:00+05 ", "2024-05-01T05:00:00+00:00", "iso8601"),
        ("2024-05-01T10:00:00", "2024-05-01T10:00:00+00:00", "naive_as_utc"),
        ("2024-05-01T10:00:00.1234567Z", "2024-05-01T10:00:00.123456+00:00", "fraction_cut"),
        ("2024-05-01T10:00:00.1234560Z", "2024-05-01T10:00:00.123456+00:00", "iso8601"),
        ("0001-01-01T00:00:00+10:00", None, "iso8601"),
    ],
)
def test_moments_as_text(text: str, expected: str | None, rule: str) -> None:
    notes = Notes()
    found = moment_us(text, ColumnRules("/x"), notes)
    if expected is not None:
        assert (_EPOCH + timedelta(microseconds=found)).isoformat() == expected
    assert rule in notes.counts
    assert (rule == "fraction_cut") == ("/x" in notes.originals)


@pytest.mark.parametrize(
    "text",
    [
        "", "2024-05-01", "20240501T000000", "2024-W01-1", "2024-02-30T00:00:00Z", "2024-05-01T24:00:00Z",
        "2024-05-01T10:00:60Z", "2024-05-01T10:00:00+99:00", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
        "2024-05-01T10:00:00 Z", "２０２４-05-01T10:00:00Z", "now",
    ],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        moment_us(text, ColumnRules("/x"), Notes())
    assert caught.value.rule == "bad_date"
    assert text == "" or text not in caught.value.message, "a message holds no value"


_MONEY = ColumnRules("/amount", scale=2, precision=10)


@pytest.mark.parametrize(
    ("value", "stored", "rules"),
    [
        (9.9, "9.90", {"float_to_numeric"}),
        (0.1 + 0.2, "0.30", {"float_to_numeric", "float_noise"}),
        (10, "10.00", set()),
        (Int64(99_999_999), "99999999.00", set()),
        (Decimal128("1.2345E+4"), "12345.00", set()),
        (Decimal128("9.9000000000000000000"), "9.90", set()),
        (Decimal128("-0"), "0.00", set()),
        (Decimal128("0E-6176"), "0.00", set()),
        ("12.5", "12.50", {"numeric_text"}),
        (" -1.50 ", "-1.50", {"numeric_text"}),
        (1e7, "10000000.00", {"float_to_numeric"}),
    ],
)
def test_money(value: Any, stored: str, rules: set[str], server: Server) -> None:
    notes = Notes()
    cell = to_numeric(value, _MONEY, notes)
    assert cell == server.ask("SELECT numeric_send($1::text::numeric(10, 2))", stored)
    assert set(notes.counts) == rules


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (float("nan"), "bad_number"),
        (float("-inf"), "bad_number"),
        (Decimal128("NaN"), "bad_number"),
        (Decimal128("sNaN"), "bad_number"),
        (Decimal128("Infinity"), "bad_number"),
        (Decimal128("1234567890123456789012345678901234"), "bad_number"),
        (Decimal128("12345678901234567890123456789"), "bad_number"),
        (Decimal128("1E+6144"), "bad_number"),
        (Decimal128("1E-6176"), "scale"),
        (1e300, "bad_number"),
        (10**8, "bad_number"),
        (2**63 - 1, "bad_number"),
        (9.999, "scale"),
        ("9.999", "scale"),
        ("1e5", "bad_number"),
        ("٣", "bad_number"),
        ("", "bad_number"),
        ("9,90", "bad_number"),
        (True, "wrong_type"),
        ([1], "wrong_type"),
    ],
)
def test_what_is_no_money(value: Any, rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        to_numeric(value, _MONEY, Notes())
    assert (caught.value.rule, caught.value.path) == (rule, "/amount")


def test_numbers_of_a_column_without_scale(server: Server) -> None:
    for value in (Decimal128("1E+6000"), Decimal128("1E-6176"), Decimal128("12.340"), 0.1, 7):
        text = format(value.to_decimal() if isinstance(value, Decimal128) else Decimal(str(value)), "f")
        cell = to_numeric(value, ColumnRules("/x"), Notes())
        assert cell == server.ask("SELECT numeric_send($1::text::numeric)", text)


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        ("text", 5, "wrong_type"),
        ("text", Code("return 1"), "wrong_type"),
        ("text", {"a": 1}, "wrong_type"),
        ("text", "\udcff", "invalid_utf8"),
        ("text", "four!", "too_long"),
        ("uuid", "not-a-uuid", "bad_uuid"),
        ("uuid", "{00000000-0000-0000-0000-000000000000}", "bad_uuid"),
        ("uuid", Binary(bytes(16), 3), "bad_uuid"),
        ("uuid", Binary(bytes(15), 4), "bad_uuid"),
        ("uuid", 5, "bad_uuid"),
        ("bool", 1, "wrong_type"),
        ("bool", "true", "wrong_type"),
        ("int4", 2**31, "out_of_range"),
        ("int4", -(2**31) - 1, "out_of_range"),
        ("int4", 0.5, "bad_number"),
        ("int4", float("inf"), "bad_number"),
        ("int4", True, "wrong_type"),
        ("int4", "5", "wrong_type"),
        ("int8", 1e300, "out_of_range"),
        ("timestamptz", 5, "wrong_type"),
        ("timestamptz", {"$date": 5}, "wrong_type"),
    ],
)
def test_refusals(kind: str, value: Any, rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        CONVERTERS[kind](value, ColumnRules("/x", max_length=4), Notes())
    assert caught.value.rule == rule


def test_integers() -> None:
    notes = Notes()
    assert CONVERTERS["int4"](5.0, ColumnRules("/x"), notes) == b"\x00\x00\x00\x05"
    assert notes.counts == {"double_to_integer": 1}
    assert CONVERTERS["int8"](Int64(-(2**63)), ColumnRules("/x"), notes) == b"\x80" + bytes(7)


def test_text_is_counted_in_characters() -> None:
    assert to_text("éé𝄞!", ColumnRules("/x", max_length=4), Notes()) == "éé𝄞!".encode()


def test_nul_by_either_rule() -> None:
    notes = Notes()
    assert to_text("a\x00b", ColumnRules("/x"), notes) == "a\u2400b".encode()
    assert notes.counts == {"nul_replaced": 1}
    assert set(notes.originals["/x"]) == {"$string"}
    with pytest.raises(Refusal) as caught:
        to_text("a\x00b", ColumnRules("/x", nul="quarantine"), Notes())
    assert caught.value.rule == "nul"


def test_uuids_that_are_written_otherwise_keep_their_original() -> None:
    for value, rule in (
        ("A" * 8 + "-aaaa-aaaa-aaaa-" + "a" * 12, "uuid_lowercased"),
        (Binary(bytes(16), 4), "uuid_binary"),
    ):
        notes = Notes()
        to_uuid(value, ColumnRules("/x"), notes)
        assert notes.counts == {rule: 1}
        assert "/x" in notes.originals
