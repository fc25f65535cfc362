"""Dump folders: what mongodump writes is read, what is damaged is named by file and byte."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import bson
import pytest

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.mongo.bsonio import decode
from devora_console.mongo.dump import DumpSource
from devora_console.mongo.source import Source, open_source

_DOCUMENTS = [{"_id": n, "text": "é" * n} for n in range(50)]


def _raw(count: int = 50) -> bytes:
    return b"".join(bson.encode(document) for document in _DOCUMENTS[:count])


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A folder as mongodump writes it, with one collection."""
    folder = tmp_path / "dump" / "devora_db"
    folder.mkdir(parents=True)
    (folder / "users.bson").write_bytes(_raw())
    (folder / "users.metadata.json").write_text(json.dumps({"collectionName": "users", "type": "collection"}))
    (folder / "prelude.json").write_text("{}")
    return tmp_path / "dump"


def _open(folder: Path) -> Source:
    return open_source(str(folder), "devora_db")


def _read(source: Source, collection: str) -> list[object]:
    return [decode(raw) for batch in source.batches(collection, 300) for raw in batch]


def _error(act: Callable[[], object]) -> ConsoleError:
    with pytest.raises(ConsoleError) as caught:
        act()
    assert caught.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(caught.value)
    assert caught.value.problem.remedy
    return caught.value


@pytest.mark.parametrize("where", ["", "devora_db"])
def test_a_plain_dump(dump: Path, where: str) -> None:
    source = _open(dump / where)
    assert [info.name for info in source.collections()] == ["users"]
    assert _read(source, "users") == _DOCUMENTS
    assert _read(source, "unknown") == []
    assert [decode(raw)["_id"] for raw in source.fetch("users", [3, 7, 900])] == [3, 7]


def test_a_compressed_dump(dump: Path) -> None:
    folder = dump / "devora_db"
    for path in list(folder.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert _read(_open(dump), "users") == _DOCUMENTS


def test_a_dump_with_oplog_and_other_databases(dump: Path) -> None:
    (dump / "oplog.bson").write_bytes(_raw(1))
    (dump / "oplog.rs").mkdir()
    (dump / "admin").mkdir()
    (dump / "admin" / "system.version.bson").write_bytes(_raw(1))
    assert [info.name for info in _open(dump).collections()] == ["users"]


def test_which_database_must_be_clear(dump: Path) -> None:
    (dump / "devora_db").rename(dump / "one")
    (dump / "two").mkdir()
    (dump / "two" / "x.bson").write_bytes(b"")
    error = _error(lambda: _open(dump))
    assert error.problem.code == "dump_ambiguous"
    assert "one, two" in error.problem.message


def test_names_and_what_is_no_collection(dump: Path) -> None:
    folder = dump / "devora_db"
    for name, kind in (("a%2Fb%20%C3%A9", None), ("view", "view"), ("system.js", None), ("system.buckets.t", None)):
        (folder / f"{name}.bson").write_bytes(_raw(1))
        if kind:
            (folder / f"{name}.metadata.json").write_text(json.dumps({"type": kind}))
    (folder / "long%24Hash.bson").write_bytes(_raw(2))
    (folder / "long%24Hash.metadata.json").write_text(json.dumps({"collectionName": "long" * 60}))
    (folder / "broken.bson").write_bytes(_raw(3))
    (folder / "broken.metadata.json").write_text("{")
    names = [info.name for info in _open(dump).collections()]
    assert names == ["a/b é", "broken", "long" * 60, "system.buckets.t", "users"]
    assert len(_read(_open(dump), "long" * 60)) == 2


_DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut in a document": (lambda raw: raw[:-3], "it ends after"),
    "cut in a length": (lambda raw: raw + b"\x10\x00", "2 stray bytes"),
    "zeros behind": (lambda raw: raw + bytes(8), "claims 0 bytes"),
    "a huge length": (lambda raw: raw + b"\xff\xff\xff\x7f" + raw, "claims 2147483647 bytes"),
    "a negative length": (lambda raw: b"\xff\xff\xff\xff" + raw, "claims -1 bytes"),
}


@pytest.mark.parametrize("kind", _DAMAGE)
@pytest.mark.parametrize("packed", [False, True])
def test_damage_is_named(kind: str, packed: bool, dump: Path) -> None:
    change, words = _DAMAGE[kind]
    path = dump / "devora_db" / "users.bson"
    damaged = change(_raw())
    if packed:
        path.unlink()
        path = path.with_name("users.bson.gz")
        damaged = gzip.compress(damaged)
    path.write_bytes(damaged)
    error = _error(lambda: _read(_open(dump), "users"))
    assert error.problem.code == "dump_damaged"
    assert str(path) in error.problem.message
    assert words in error.problem.message


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-9], lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: b"plain" + raw]
)
def test_a_damaged_gzip_file(change: Callable[[bytes], bytes], dump: Path) -> None:
    path = dump / "devora_db" / "users.bson"
    path.unlink()
    path.with_name("users.bson.gz").write_bytes(change(gzip.compress(os.urandom(10) + _raw())))
    assert _error(lambda: _read(_open(dump), "users")).problem.code == "dump_damaged"


def test_folders_that_hold_nothing(tmp_path: Path) -> None:
    assert _error(lambda: _open(tmp_path / "nowhere")).problem.code == "dump_missing"
    assert _error(lambda: _open(tmp_path)).problem.code == "dump_empty"
    (tmp_path / "file").write_text("x")
    assert _error(lambda: _open(tmp_path / "file")).problem.code == "dump_not_a_folder"
    assert _error(lambda: _open(tmp_path / ("x" * 300))).problem.code in ("dump_missing", "dump_unreadable")


def test_files_that_cannot_be_read(dump: Path) -> None:
    folder = dump / "devora_db"
    (folder / "users.bson").unlink()
    (folder / "users.bson").symlink_to("/proc/self/mem")  # opens, but reading fails
    error = _error(lambda: _read(_open(dump), "users"))
    assert error.problem.code == "dump_unreadable"
    (folder / "users.bson").unlink()
    (folder / "users.bson").symlink_to(folder / "nowhere")
    assert _error(lambda: _open(dump)).problem.code == "dump_unreadable"
    (folder / "users.bson").unlink()
    (folder / "users.bson").mkdir()
    assert _error(lambda: _open(dump)).problem.code == "dump_unreadable"


def test_one_collection_in_two_files(dump: Path) -> None:
    (dump / "devora_db" / "users.bson.gz").write_bytes(gzip.compress(_raw()))
    error = _error(lambda: _open(dump))
    assert error.problem.code == "dump_twice"
    assert "users.bson.gz" in error.problem.message


def test_an_empty_collection(dump: Path) -> None:
    (dump / "devora_db" / "empty.bson").write_bytes(b"")
    assert _read(_open(dump), "empty") == []


def test_identity_tells_dumps_apart(dump: Path, tmp_path: Path) -> None:
    assert DumpSource(dump, "devora_db").identity == DumpSource(dump / "devora_db", "x").identity
    assert "devora_db" in DumpSource(dump, "devora_db").label
