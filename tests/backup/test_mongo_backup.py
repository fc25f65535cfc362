"""MongoDB: the console's own dump, mongodump's, damage at every place, restores into empty databases only."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from devora_console.backup.adopt import adopt
from devora_console.backup.context import Context
from devora_console.backup.judge import Against, judge
from devora_console.backup.manifest import read_manifest, write_manifest
from devora_console.backup.model import Finding, Judgement, Level
from devora_console.backup.mongo_dump import dump_mongo
from devora_console.backup.restore import restore
from devora_console.backup.shelf import entries, partials
from devora_console.backup.unsound import Unsound
from devora_console.config.secret import Dsn
from devora_console.config.settings import MongoSettings, Settings
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError
from devora_console.mongo.dump import DumpSource
from tests.backup.conftest import listening

Client = MongoClient[dict[str, Any]]
FAKE = """#!{python}
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("mongodump version: 100.9.4")
    sys.exit()
options = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[1:])
uri = json.loads(open(options["config"]).read().partition(": ")[2])
open({seen!r}, "w").write(json.dumps([sys.argv, uri, sorted(os.environ)]))
folder = os.path.join(options["out"], uri.partition("://")[2].partition("/")[2].partition("?")[0])
os.mkdir(folder)
with open(os.path.join(folder, "users.bson"), "wb") as out:
    out.write({document!r} * 3)
sys.exit({code})
"""


async def _judged(context: Context, path: Path, level: Level = Level.COUNTS) -> Judgement:
    return await judge(context, path, level)


async def test_a_backup_from_its_taking_to_its_restoring(
    mongo_context: Context, source: str, mongo_client: Client
) -> None:
    context, told = listening(mongo_context)
    path, manifest = await dump_mongo(context, context.shelf)
    assert any("mongodump is not installed" in line for line in told)
    assert {each.name: each.count for each in manifest.contents} == {"users": 120, "other": 30}
    assert (path / source / "other.bson").exists()
    assert [raw for batch in DumpSource(path, source).batches("users", 10**6) for raw in batch]
    found = await _judged(context, path, Level.RESTORED)
    assert (found.ok, found.level) == (True, Level.RESTORED), found.reason
    assert not [name for name in mongo_client.list_database_names() if name.startswith("devora_restore_")]
    with pytest.raises(ConsoleError, match=r"it is not empty \(collections other, users\)"):
        await restore(context, path, source)
    into = f"{source}_back"
    try:
        done = await restore(context, path, into)
        assert done.ok, done.differences
        assert mongo_client[into]["users"].count_documents({}) == 120
        assert len(mongo_client[into]["users"].index_information()) == 2
    finally:
        mongo_client.drop_database(into)

    mongo_client[source]["users"].delete_one({"_id": 7})
    found = await _judged(context, path)
    assert (found.finding, found.level) == (Finding.DIFFERS, Level.COMPLETE)
    assert "users: 119 on the server now, 120 in the backup" in found.reason
    alone = await judge(context, path, Level.COUNTS, against=Against.MANIFEST)
    assert alone.finding is Finding.UNKNOWN
    elsewhere = replace(context, settings=Settings(mongo=MongoSettings(url=context.mongo(), database="other_db")))
    assert (await _judged(elsewhere, path)).finding is Finding.FOREIGN


def _last_document(data: bytes) -> int:
    """Where the last document begins."""
    at = last = 0
    while at < len(data):
        last, at = at, at + int.from_bytes(data[at : at + 4], "little")
    return last


@pytest.mark.parametrize("packed", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["plain", "gzip"])
async def test_every_damage_is_told_with_its_reason(mongo_context: Context, source: str, packed: bool) -> None:
    context = mongo_context
    whole, manifest = await dump_mongo(context, context.shelf, packed=packed)
    assert (await _judged(context, whole)).ok
    name = "users.bson.gz" if packed else "users.bson"
    data = (whole / source / name).read_bytes()
    border = len(data) // 2 if packed else _last_document(data)

    def changed(**changes: object) -> Callable[[Path], None]:
        return lambda file: write_manifest(file.parents[1], replace(manifest, **changes))  # type: ignore[arg-type]

    cases: list[tuple[Callable[[Path], object], Level, Finding]] = [
        (lambda file: file.unlink(), Level.NONE, Finding.MISSING),
        (lambda file: os.truncate(file, 0), Level.NONE, Finding.EMPTY),
        (lambda file: os.truncate(file, border), Level.NONE, Finding.TRUNCATED),
        (lambda file: os.truncate(file, len(data) - 3), Level.NONE, Finding.TRUNCATED),
        (lambda file: file.write_bytes(data[:-9] + b"\1" + data[-8:]), Level.EXISTS, Finding.CHANGED),
        (changed(contents=tuple(replace(each, count=0) for each in manifest.contents)), Level.NONE, Finding.EMPTY),
        (changed(started=utc_now() - timedelta(hours=25)), Level.COUNTS, Finding.OLD),
        (changed(server="mongodb standalone elsewhere:27017"), Level.COMPLETE, Finding.FOREIGN),
        (changed(database="other"), Level.COMPLETE, Finding.FOREIGN),
    ]
    for number, (damage, level, finding) in enumerate(cases):
        path = context.shelf / f"copy-{number}"
        shutil.copytree(whole, path)
        damage(path / source / name)
        found = await _judged(context, path)
        assert (found.level, found.finding) == (level, finding), (number, found.reason)
    (whole / source / name).unlink()
    await _judged(context, whole)
    kept = read_manifest(whole)
    assert kept is not None
    assert kept.level is Level.NONE


async def test_folders_made_elsewhere(mongo_context: Context, source: str, tmp_path: Path) -> None:
    context = mongo_context
    whole, _ = await dump_mongo(context, context.shelf)
    data = (whole / source / "users.bson").read_bytes()

    def copy(name: str, content: bytes, suffix: str = "") -> Path:
        path = tmp_path / name
        shutil.copytree(whole / source, path / source)
        (path / source / "users.bson").unlink()
        (path / source / f"users.bson{suffix}").write_bytes(content)
        return path

    for name, content, suffix, finding in (
        ("inside", data[:-3], "", Finding.TRUNCATED),
        ("length", data[:2], "", Finding.TRUNCATED),
        ("no bson", b"\xff" * 100, "", Finding.UNREADABLE),
        ("trailer", gzip.compress(data)[:-4], ".gz", Finding.TRUNCATED),
        ("gz half", gzip.compress(data)[:100], ".gz", Finding.TRUNCATED),
        ("gz flip", gzip.compress(data)[:-6] + b"\0\0" + gzip.compress(data)[-4:], ".gz", Finding.UNREADABLE),
    ):
        with pytest.raises(Unsound) as caught:
            await adopt(context, copy(name, content, suffix))
        assert caught.value.finding is finding, (name, caught.value.reason)
    # At the border of a document nothing in the file is wrong: the server's counts tell.
    border = copy("border", data[: _last_document(data)])
    manifest = await adopt(context, border)
    assert manifest.database == source
    assert any("cut off between two documents" in note for note in manifest.notes)
    found = await _judged(context, border)
    assert (found.finding, found.level) == (Finding.DIFFERS, Level.COMPLETE)
    good = copy("good", gzip.compress(data), ".gz")
    await adopt(context, good)
    assert (await _judged(context, good)).ok
    assert {each.path.name for each in entries(context.shelf)} == {whole.name, "border", "good"}
    archive = tmp_path / "dump.archive"
    archive.write_bytes(bytes.fromhex("6de29981") + b"\0" * 50)
    with pytest.raises(ConsoleError, match="cannot be judged here"):
        await adopt(context, archive)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(Unsound, match="holds no"):
        await adopt(context, tmp_path / "nothing")


@pytest.mark.parametrize("code", [0, 1])
async def test_mongodump_gets_the_url_by_a_pipe(
    mongo_context: Context, source: str, mongo_url: Dsn, tmp_path: Path, code: int
) -> None:
    tools, seen = tmp_path / "bin", tmp_path / "seen"
    tools.mkdir()
    document = bson.encode({"_id": 1})
    (tools / "mongodump").write_text(FAKE.format(python=sys.executable, seen=str(seen), document=document, code=code))
    (tools / "mongodump").chmod(0o755)
    environ = {**mongo_context.environ, "PATH": f"{tools}:{os.environ['PATH']}", "MONGO_URL": "mongodb://u:secret@h"}
    context = replace(mongo_context, environ=environ)
    if code:
        with pytest.raises(ConsoleError, match="mongodump failed: exit code 1"):
            await dump_mongo(context, context.shelf)
        assert entries(context.shelf) == []
    else:
        path, manifest = await dump_mongo(context, context.shelf)
        assert (manifest.tool, manifest.tool_version) == ("mongodump", "100.9.4")
        assert {each.name: each.count for each in manifest.contents} == {"users": 3}
        assert "secret" not in (path / "backup.json").read_text()
    assert partials(context.shelf) == []
    arguments, uri, variables = json.loads(seen.read_text())
    assert uri == f"{mongo_url.reveal()}/{source}"
    assert not [word for word in arguments if "mongodb://" in word]
    assert "MONGO_URL" not in variables
