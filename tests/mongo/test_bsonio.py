"""Raw BSON: what decoding would change is found, Extended JSON gives everything back."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
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
from hypothesis import given
from hypothesis import strategies as st

from devora_console.mongo.bsonio import Damaged, decode, defects, document_id, split
from devora_console.mongo.codec import CODEC
from devora_console.mongo.ejson import ejson, is_readable_id, object_of, source_id, unejson

_ID = ObjectId("65a000000000000000000001")


def _doc(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


def _defect(*elements: bytes) -> str | None:
    raw = _doc(*elements)
    return defects(raw, decode(raw))


_INT = b"\x10a\x00\x01\x00\x00\x00"


@pytest.mark.parametrize(
    ("elements", "found"),
    [
        ((_INT,), None),
        ((_INT, _INT), "duplicate_keys"),
        ((b"\x03x\x00" + _doc(_INT, _INT),), "duplicate_keys"),
        ((b"\x04x\x00" + _doc(b"\x100\x00" + bytes(4), b"\x105\x00" + bytes(4)),), None),
        ((b"\x02x\x00\x03\x00\x00\x00\xff\xfe\x00",), "invalid_utf8"),
        ((b"\x02\xff\x00\x01\x00\x00\x00\x00",), "invalid_utf8"),
        ((b"\x0ex\x00\x02\x00\x00\x00a\x00",), "deprecated_type"),
        ((b"\x06x\x00",), "deprecated_type"),
        ((b"\x0bx\x00abc\x00zq\x00",), "not_exact"),
        ((b"\x0bx\x00abc\x00im\x00",), None),
        ((_INT, b"\x07_id\x00" + _ID.binary), None),
        ((b"\x03x\x00" + _doc(b"\x10$id\x00" + bytes(4), b"\x02$ref\x00\x02\x00\x00\x00c\x00"),), None),
        ((b"\x03x\x00" + _doc(b"\x10$id\x00" + bytes(4), b"\x10$ref\x00" + bytes(4)),), None),
    ],
)
def test_what_decoding_would_change(elements: tuple[bytes, ...], found: str | None) -> None:
    assert _defect(*elements) == found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x05\x00\x00\x00",
        _doc(b"\x08x\x00\x05"),
        _doc(b"\x55x\x00"),
        _doc(b"\x02x\x00\xff\xff\xff\x7fa\x00"),
        bson.encode({"a": 1}) + b"zz",
    ],
)
def test_bytes_that_are_no_document(raw: bytes) -> None:
    with pytest.raises(Damaged):
        decode(raw)
    assert document_id(raw) is None


def test_nested_thousands_deep() -> None:
    raw = _doc()
    for _ in range(3000):
        raw = _doc(b"\x03a\x00" + raw)
    with pytest.raises(Damaged):
        decode(raw)
    assert source_id({"a": raw}).startswith("long ")


@given(st.lists(st.dictionaries(st.text(st.characters(exclude_characters="\x00", codec="utf-8")), st.integers(0, 9))))
def test_blocks_are_cut_into_documents(documents: list[dict[str, int]]) -> None:
    block = b"".join(map(bson.encode, documents))
    assert [decode(raw) for raw in split(block)] == documents
    if block:
        with pytest.raises(Damaged):
            list(split(block[:-1]))


_TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
_LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(allow_nan=False),
    _TEXT,
    st.binary(max_size=8),
    st.binary(min_size=16, max_size=16).map(lambda data: Binary(data, 4)),
    st.binary(max_size=8).map(lambda data: Binary(data, 128)),
    st.integers(-(2**63), 2**63 - 1).map(lambda ms: decode(_doc(b"\x09x\x00" + struct.pack("<q", ms)))["x"]),
    st.sampled_from(["NaN", "-0E-6176", "1E+6144", "Infinity", "0.10", "-1.5"]).map(Decimal128),
    st.sampled_from(
        [
            ObjectId(_ID),
            Regex("a|b", 2),
            Timestamp(1, 2),
            MinKey(),
            MaxKey(),
            Code("x"),
            Code("x", {"a": 1}),
            DBRef("c", 1),
        ]
    ),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["", "a", "a.b", "$", "$oid", "$string", "$bson", "é", "_id"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(_VALUES)
def test_extended_json_gives_everything_back(value: Any) -> None:
    """To the byte, through real BSON: what was decoded is what is encoded again."""
    raw = bson.encode({"v": value}, codec_options=CODEC)
    decoded = decode(raw)["v"]
    again = bson.encode({"v": unejson(ejson(decoded))}, codec_options=CODEC)
    assert again == raw


def test_strings_that_json_cannot_hold() -> None:
    for text in ("a\x00b", "\udcff", "\x00"):
        assert unejson(ejson(text)) == text
        assert set(ejson(text)) == {"$string"}
    assert math.isnan(unejson(ejson(float("nan"))))
    assert unejson(ejson(DatetimeMS(10**15))) == DatetimeMS(10**15)


@given(_VALUES)
def test_every_id_is_had_back(value: Any) -> None:
    raw = bson.encode({"_id": value}, codec_options=CODEC)
    text = source_id(document_id(raw))
    assert is_readable_id(text)
    assert bson.encode({"_id": object_of(text)}, codec_options=CODEC) == raw


def test_ids_are_told_apart() -> None:
    values: list[Any] = [
        _ID, str(_ID), 5, Int64(5), 5.0, "5", {"a": 1, "b": 2}, {"b": 2, "a": 1}, datetime(1970, 1, 1, tzinfo=UTC), 0,
        None, "long x", "md5 x", "x #2", Binary(b"x"), b"", [], {}, "x" * 5000, "x" * 5001,
    ]  # fmt: skip
    texts = [source_id(value) for value in values]
    assert len(set(texts)) == len(texts)
    assert max(map(len, texts)) <= 1002
    assert [is_readable_id(text) for text in texts] == [True] * (len(texts) - 2) + [False] * 2
    assert not is_readable_id(f"{_ID} #2")
