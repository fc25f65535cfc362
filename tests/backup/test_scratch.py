"""Scratch databases that a killed console has left: dropped by the next trial, and nothing else ever is."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo import MongoClient

from devora_console.backup import postgres_scratch
from devora_console.backup.context import Context
from devora_console.backup.judge import judge
from devora_console.backup.model import Level
from devora_console.backup.mongo_dump import dump_mongo
from devora_console.backup.mongo_scratch import MARK, Scratch
from devora_console.backup.postgres_dump import dump_postgres
from devora_console.config.secret import Dsn
from devora_console.core.maker import Maker, parse_maker, this_process
from devora_console.core.scratch import PREFIX, Left, judged
from devora_console.doctor.scratch import scratch_answer
from devora_console.postgres.connect import other_database
from devora_console.postgres.scratch import REHEARSAL, drop_dead, rehearsal_comment, rehearsals_left
from tests.backup.conftest import listening

Client = MongoClient[dict[str, Any]]
# Hangs where the restored database would be compared, until it is killed.
_HANGS = """
import asyncio, json, os, sys, time
from pathlib import Path
from devora_console.backup import mongo_restore, postgres_restore
from devora_console.backup.context import Context
from devora_console.backup.judge import judge
from devora_console.backup.model import Level
from devora_console.config.secret import Dsn
from devora_console.config.settings import MongoSettings, PostgresSettings, Settings

def hang(*_):
    print("there", flush=True)
    time.sleep(600)

mongo_restore._compared = postgres_restore.compared = hang
said = json.loads(sys.argv[1])
settings = Settings(mongo=MongoSettings(**said["mongo"]), postgres=PostgresSettings(**said["postgres"]))
context = Context(settings, Path(said["shelf"]), lambda: [Path(each) for each in said["tools"]])
asyncio.run(judge(context, Path(said["path"]), Level.RESTORED))
"""


def killed(context: Context, path: Path) -> None:
    """A console is killed in the middle of a trial of the backup."""
    given = context.settings
    mongo = {"url": given.mongo.url.reveal(), "database": given.mongo.database} if given.mongo.url else {}
    postgres = {"dsn": given.postgres.dsn.reveal()} if given.postgres.dsn else {}
    tools = [str(each) for each in context.tool_folders()]
    said = {"mongo": mongo, "postgres": postgres, "shelf": str(context.shelf), "path": str(path), "tools": tools}
    process = subprocess.Popen([sys.executable, "-c", _HANGS, json.dumps(said)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "there\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def decoys(mongo_client: Client) -> Iterator[tuple[str, ...]]:
    """Names of scratch databases, four that fit the pattern and one that does not."""
    found = (*(f"{PREFIX}{secrets.token_hex(5)}" for _ in range(4)), f"{PREFIX}precious_{os.getpid()}")
    yield found
    for name in found:
        mongo_client.drop_database(name)


def there(client: Client) -> set[str]:
    return {name for name in client.list_database_names() if name.startswith(PREFIX)}


async def test_what_a_killed_trial_left_in_mongodb_goes_with_the_next(
    mongo_context: Context, mongo_client: Client, decoys: tuple[str, ...]
) -> None:
    context, told = listening(mongo_context)
    path, _ = await dump_mongo(context, context.shelf)
    before = there(mongo_client)
    killed(context, path)
    assert context.settings.mongo.url is not None
    with Scratch(context.settings.mongo.url, 5) as scratch:
        (left,) = (each for each in scratch.left() if each.name not in before and each.dead)
    assert left.why == "that process has ended"
    assert mongo_client[left.name]["users"].count_documents({}) == 120
    assert scratch_answer([left]).verdict == "warn"
    # None of these is one: no mark, a copy, somebody who lives, another machine, a name that is merely similar.
    mark = mongo_client[left.name][MARK].find_one({}) or {}
    bare, copy, living, far, similar = decoys
    mongo_client[bare]["users"].insert_one({"a": 1})
    mongo_client[copy][MARK].insert_one(mark)
    mongo_client[living][MARK].insert_one({"_id": living, "maker": this_process().text()})
    mongo_client[far][MARK].insert_one({"_id": far, "maker": replace(this_process(), host="another").text()})
    mongo_client[similar][MARK].insert_one({"_id": similar, "maker": mark["maker"]})
    found = await judge(context, path, Level.RESTORED)
    assert found.ok, found.reason
    assert left.name not in there(mongo_client)
    assert set(decoys) <= there(mongo_client)
    lines = [line for line in told if "left behind" in line]
    assert [any(name in line for line in lines) for name in decoys] == [True, True, False, True, False]


async def test_what_a_killed_trial_left_in_postgresql_goes_with_the_next(context: Context, database: Dsn) -> None:
    context, told = listening(context)
    path, _ = await dump_postgres(context, context.shelf)
    killed(context, path)
    admin = await asyncpg.connect(other_database(database, "postgres").reveal())
    try:
        before = {each.name: each for each in await postgres_scratch.left(admin)}
        behind = [name for name, each in before.items() if each.by.startswith("made by") and not each.alive]
        assert behind
        copy, similar = f"{PREFIX}{os.getpid():010x}", f"{PREFIX}of_{os.getpid()}"
        for name in (copy, similar):
            await admin.execute(f'CREATE DATABASE "{name}"')
        found = await judge(context, path, Level.RESTORED)
        assert found.ok, found.reason
        now = {each.name for each in await postgres_scratch.left(admin)}
        assert not now & set(behind)
        assert copy in now
        assert any(copy in line and "no mark" in line for line in told)
        assert await admin.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", similar) == 1
    finally:
        for name in (copy, similar):
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await admin.close()


def test_who_is_dead() -> None:
    me = this_process()
    assert parse_maker(me.text()) == me
    assert me.dead() is False
    assert replace(me, born="1").dead() is True  # a later process of the same number
    assert replace(me, pid=2**22 + 1).dead() is True
    assert replace(me, boot="another").dead() is True
    assert replace(me, host="another").dead() is None
    assert replace(me, space="pid:[1]").dead() is None
    assert replace(me, boot="").dead() is None
    assert replace(me, born="").dead() is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"who": 1}', "x" * 100, "[" * 100_000])
def test_what_is_no_mark(text: str) -> None:
    assert parse_maker(text) is None
    assert not judged("devora_restore_0000000000", parse_maker(text), busy=False).dead


def test_one_that_somebody_is_in_is_not_dropped() -> None:
    dead: Maker = replace(this_process(), born="1")
    assert judged("x", dead, busy=False).dead
    assert not judged("x", dead, busy=True).dead
    assert scratch_answer([Left("x", "", "", alive=True)]).value == "1 in use"
    assert scratch_answer([]).value == "none left behind"


async def test_the_target_of_a_rehearsal_goes_once_its_run_has_ended(database: Dsn, tmp_path: Path) -> None:
    admin = await asyncpg.connect(other_database(database, "postgres").reveal())
    names = {word: f"{REHEARSAL}{word}_{os.getpid()}" for word in ("over", "open", "lost", "bare", "far", "busy")}
    ended = {"over": True, "open": False, "busy": True, "far": True}
    try:
        for word, name in names.items():
            await admin.execute(f'CREATE DATABASE "{name}"')
            root = tmp_path / "elsewhere" if word == "far" else tmp_path
            said = await admin.fetchval("SELECT quote_literal($1::text)", rehearsal_comment(word, root))
            if word != "bare":
                await admin.execute(f'COMMENT ON DATABASE "{name}" IS {said}')
        guest = await asyncpg.connect(other_database(database, names["busy"]).reveal())
        found = {each.name: each for each in await rehearsals_left(admin, tmp_path, ended.get)}
        await drop_dead(admin, [found[name] for name in names.values()])
        await guest.close()
        rows = await admin.fetch("SELECT datname FROM pg_database WHERE datname = ANY($1)", list(names.values()))
        assert {row["datname"] for row in rows} == set(names.values()) - {names["over"]}
        assert found[names["open"]].alive
        whys = {word: found[names[word]].why for word in ("lost", "bare", "far", "busy")}
        assert whys == {
            "lost": "that run is not in the folder of runs any more; drop it by hand",
            "bare": "it has no mark of this console",
            "far": "whether that has ended cannot be told from here; look there",
            "busy": "that run has ended, and somebody is connected to it",
        }
    finally:
        for name in names.values():
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close()
