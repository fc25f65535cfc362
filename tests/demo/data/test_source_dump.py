"""Dump folders: laid out as mongodump does, the same bytes every time, hostile documents on the books."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.errors import InvalidBSON
from bson.min_key import MinKey
from bson.regex import Regex
from bson.timestamp import Timestamp

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.demo.data import Scale, SourceTruth, generate, truth, write_dump

_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    unicode_decode_error_handler="surrogateescape",
)


def _read(folder: Path, collection: str) -> list[bytes]:
    data = (folder / "devora" / f"{collection}.bson").read_bytes()
    documents, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        documents.append(data[at : at + size])
        at += size
    return documents


def test_the_dump_holds_exactly_the_generated_documents(tmp_path: Path) -> None:
    told = write_dump(tmp_path, "devora", Scale.SMALL, 4)
    assert told == truth(Scale.SMALL, 4)
    expected: dict[str, list[dict[str, Any]]] = {}
    for collection, batch in generate(Scale.SMALL, 4):
        expected.setdefault(collection, []).extend(batch)
    names = {p.name for p in (tmp_path / "devora").iterdir()}
    assert names == {"prelude.json"} | {f"{c}.{end}" for c in expected for end in ("bson", "metadata.json")}
    for collection, documents in expected.items():
        with (tmp_path / "devora" / f"{collection}.bson").open("rb") as file:
            assert list(bson.decode_file_iter(file, _OPTIONS)) == documents
        metadata = json.loads((tmp_path / "devora" / f"{collection}.metadata.json").read_text())
        assert metadata["collectionName"] == collection
        assert len(bytes.fromhex(metadata["uuid"])) == 16
        (index,) = json_util.loads(json.dumps(metadata["indexes"]))
        assert index == {"v": 2, "key": {"_id": 1}, "name": "_id_"}


def test_two_dumps_have_the_same_bytes_and_gzip_holds_the_plain_ones(tmp_path: Path) -> None:
    for name, gz in (("a", False), ("b", True), ("c", True)):
        write_dump(tmp_path / name, "devora", Scale.SMALL, 9, gz=gz, hostile=True)
    plain = {p.name: p.read_bytes() for p in (tmp_path / "a" / "devora").iterdir()}
    packed = {p.name: p.read_bytes() for p in (tmp_path / "b" / "devora").iterdir()}
    assert packed == {p.name: p.read_bytes() for p in (tmp_path / "c" / "devora").iterdir()}
    assert {name.removesuffix(".gz"): gzip.decompress(data) for name, data in packed.items()} == plain
    assert all(name.endswith(".gz") for name in packed)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SourceTruth]:
    folder = tmp_path_factory.mktemp("hostile")
    return folder, write_dump(folder, "devora", Scale.SMALL, 2, hostile=True)


def test_the_truth_of_a_hostile_dump_counts_its_documents(hostile: tuple[Path, SourceTruth]) -> None:
    folder, told = hostile
    base = truth(Scale.SMALL, 2)
    for name, collection in told.collections.items():
        assert collection.documents == len(_read(folder, name))
        assert sum(collection.fates.values()) == collection.documents
    added = {a.name: (a.collection, a.count, a.fate, a.rule) for a in told.anomalies[len(base.anomalies) :]}
    assert added == {
        "id_not_objectid": ("users", 4, "migrated", "plain"),
        "created_at_year_0": ("users", 1, "migrated", "plain"),
        "created_at_year_20000": ("users", 1, "migrated", "plain"),
        "extra_types": ("users", 1, "migrated", "extra_kept"),
        "invalid_utf8": ("users", 1, "quarantined", "invalid_utf8"),
        "duplicate_keys": ("projects", 1, "quarantined", "duplicate_keys"),
        "amount_decimal128": ("invoices", 3, "migrated", "plain"),
        "amount_nan": ("invoices", 1, "quarantined", "bad_number"),
        "amount_34_digits": ("invoices", 1, "quarantined", "bad_number"),
    }
    assert told.collections["projects"].migrated_embedded == base.collections["projects"].migrated_embedded
    assert told.collections["projects"].embedded["files"] > base.collections["projects"].embedded["files"]


def test_hostile_documents_are_what_they_claim(hostile: tuple[Path, SourceTruth]) -> None:
    folder, told = hostile
    raw = {c: _read(folder, c) for c in ("users", "projects", "invoices")}

    def carriers(name: str) -> list[bytes]:
        anomaly = next(a for a in told.anomalies if a.name == name)
        by_id = {_id_text(bson.decode(d, _OPTIONS)["_id"]): d for d in raw[anomaly.collection]}
        return [by_id[source_id] for source_id in anomaly.source_ids]

    def decoded(name: str) -> list[dict[str, Any]]:
        return [bson.decode(document, _OPTIONS) for document in carriers(name)]

    assert [d["_id"] for d in decoded("id_not_objectid")] == [
        -7,
        2**40,
        "compte-importé-1",
        "\u202ecompte\x1b[31m",
    ]
    assert raw["users"][:4] == carriers("id_not_objectid")  # numbers and strings sort before ObjectIds
    assert decoded("created_at_year_0")[0]["created_at"] == DatetimeMS(-62_150_000_000_000)
    assert 568_971_820_800_000 < int(decoded("created_at_year_20000")[0]["created_at"]) < 569_003_443_200_000
    extra = decoded("extra_types")[0]
    assert (type(extra["filtre"]), type(extra["position_oplog"])) == (Regex, Timestamp)
    assert extra["bornes"][0] == MinKey()
    with pytest.raises(InvalidBSON, match="utf-8"):
        bson.decode(carriers("invalid_utf8")[0])
    twice = carriers("duplicate_keys")[0]
    assert twice.count(b"\x02name\x00") == 1 + len(bson.decode(twice)["files"]) + 1
    assert bson.encode(bson.decode(twice)) != twice
    assert [str(d["amount"]) for d in decoded("amount_decimal128")] == ["9.90", "1.2E+3", "0.0"]
    assert decoded("amount_nan")[0]["amount"].to_decimal().is_nan()
    assert decoded("amount_34_digits")[0]["amount"] == Decimal128("1234567890123456789012345678901234")
    emails = [bson.decode(d, _OPTIONS)["email"].lower() for d in raw["users"]]
    assert len(emails) - len(set(emails)) == 2  # hostile users collide with nobody


def _id_text(value: object) -> str:
    return str(value) if isinstance(value, bson.ObjectId) else json_util.dumps(value, json_options=_CANONICAL)


_CANONICAL = json_util.CANONICAL_JSON_OPTIONS


def _refusal(call: Callable[[], object]) -> ConsoleError:
    with pytest.raises(ConsoleError) as caught:
        call()
    assert caught.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_dump_never_overwrites(tmp_path: Path) -> None:
    write_dump(tmp_path, "devora", Scale.SMALL, 1)
    before = (tmp_path / "devora" / "users.bson").read_bytes()
    error = _refusal(lambda: write_dump(tmp_path, "devora", Scale.SMALL, 2))
    assert error.problem.code == "demo.dump_exists"
    assert (tmp_path / "devora" / "users.bson").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../up", "a/b", "dev ora", "x" * 64, "nul\0", "\x1b[31m."])
def test_impossible_database_names_are_refused(tmp_path: Path, name: str) -> None:
    error = _refusal(lambda: write_dump(tmp_path / "out", name, Scale.SMALL, 1))
    assert error.problem.code == "demo.dump_name"
    assert "\x1b" not in str(error)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    error = _refusal(lambda: write_dump(tmp_path / "file", "devora", Scale.SMALL, 1))
    assert error.problem.code == "demo.dump_write"
    assert str(tmp_path / "file") in error.problem.message
