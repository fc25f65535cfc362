"""Against a peer: ``uv run python tests/benchmarks/peers.py [--documents N] [--quick]``.

One collection of projects with embedded files is moved from the same MongoDB-protocol server by the console and
by ingestr (the last release on PyPI that carries its program, in an environment of its own). The console splits the
files into rows, checks, digests and accounts for every document; ingestr lands them in one jsonb column. Beside both
stands what one reader gets from the server that throws every byte away.

DEVORA_TEST_MONGO_URL names a server of your own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any, cast

import asyncpg
from platformdirs import user_cache_path
from pymongo import MongoClient

sys.path.insert(0, str(Path(__file__).parents[2]))

from devora_console import schema
from devora_console.config.conninfo import parse
from devora_console.config.secret import Dsn
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.migration.job import Job, JobSettings
from devora_console.migration.mapping_file import builtin_mapping
from devora_console.migration.progress import Kind, Phase
from tests.benchmarks import source
from tests.benchmarks.migration import say

_PEER = "ingestr<1"
_COPY = (Phase.SURVEY, Phase.DECIDE, Phase.PREPARE, Phase.WRITE)
_NAME = "projects"


def fill(client: MongoClient[dict[str, Any]], name: str, documents: int) -> None:
    """Projects with two files each, about 1.5 kB; next to nothing else."""
    chance = random.Random(7)  # noqa: S311 - data for a benchmark
    users = [source.user(number, chance) for number in range(50)]
    texts = [source.text(chance) for _ in range(500)]
    key = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    projects = []
    for number in range(documents):
        made = source.project(number, users[number % len(users)]["id"], key if number == 0 else "", chance)
        if number:
            made["conversation_id"] = None
        made["files"] = [{"name": f"f{n}.py", "content": chance.choice(texts), "language": "python"} for n in range(2)]
        projects.append(made)
    client[name]["users"].insert_many(users)
    client[name]["conversations"].insert_one(source.conversation(0, key, texts, chance))
    for start in range(0, documents, 2000):
        client[name][_NAME].insert_many(projects[start : start + 2000])


def drain(client: MongoClient[dict[str, Any]], name: str) -> tuple[float, int]:
    """(documents per second, documents) of one raw-batch reader."""
    began, count = time.perf_counter(), 0
    for block in client[name][_NAME].find_raw_batches(sort=[("_id", 1)], batch_size=1000):
        at, raw = 0, cast(bytes, block)
        while at < len(raw):
            at += int.from_bytes(raw[at : at + 4], "little")
            count += 1
    return count / (time.perf_counter() - began), count


def ours(mongo: Dsn, name: str, target: Dsn) -> tuple[float, float]:
    """Documents of the collection per second: until they are in the tables, and until the database is complete."""
    job = Job(
        Kind.EXECUTE,
        JobSettings(postgres=target, source=mongo, database=name, mapping=builtin_mapping(), bulk=True),
    )
    began = time.perf_counter()
    done = asyncio.run(job.run())
    whole = time.perf_counter() - began
    documents = next(each.migrated for each in done.collections if each.name == _NAME)
    copied = sum(each.seconds for each in done.phases if each.phase in _COPY)
    say(f"ours: {[(each.phase.value, round(each.seconds, 2)) for each in done.phases]}")
    return documents / copied, documents / whole


def peer(program: Path, mongo: Dsn, name: str, target: Dsn) -> float:
    """Documents per second of the peer, by its own process from start to end."""
    place = parse(target.reveal())
    where = (
        f"postgresql://{place['user']}:{place['password']}@/{place['dbname']}?host={place['host']}&port={place['port']}"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [str(program), "ingest", "--source-uri", mongo.reveal(), "--source-table", f"{name}.{_NAME}",
         "--dest-uri", where, "--dest-table", "public.peer_projects", "--yes", "--progress", "log"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "INGESTR_DISABLE_TELEMETRY": "true", "DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-2000:])
    return seconds


async def landed(dsn: Dsn) -> int:
    """Rows that the peer has made."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        return int(await connection.fetchval("SELECT count(*) FROM public.peer_projects"))
    finally:
        await connection.close()


def install() -> Path:
    """The peer in an environment of its own, kept between runs."""
    folder = Path(user_cache_path("devora-console-benchmarks")) / "peer"
    program = folder / "bin" / "ingestr"
    if not program.exists():
        say("installing ingestr")
        subprocess.run(["uv", "venv", "-q", str(folder)], check=True)  # noqa: S607
        subprocess.run(
            ["uv", "pip", "install", "-q", "--python", str(folder / "bin" / "python"), _PEER], check=True  # noqa: S607
        )  # fmt: skip
    return program


async def database(admin: Dsn, name: str) -> Dsn:
    """A database with the schema."""
    connection = await asyncpg.connect(admin.reveal())
    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    await connection.close()
    dsn = for_database(admin, name)
    connection = await asyncpg.connect(dsn.reveal())
    await connection.execute("CREATE EXTENSION vector")
    await schema.apply(connection)
    await connection.close()
    return dsn


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="2,000 documents, one round")
    given = parser.parse_args()
    documents, rounds = (2000, 1) if given.quick else (given.documents, given.rounds)
    program = install()
    demo = DemoServers(temporary_home(), durable=True)
    own = demo.start()
    mongo = Dsn(os.environ.get("DEVORA_TEST_MONGO_URL") or own.mongo.reveal())
    name = f"bench_{uuid.uuid4().hex[:8]}"
    client: MongoClient[dict[str, Any]] = MongoClient(mongo.reveal())
    try:
        say(f"filling {documents:,} documents")
        fill(client, name, documents)
        found = []
        for number in range(rounds):
            limit, count = drain(client, name)
            copied, whole = ours(mongo, name, asyncio.run(database(own.postgres, f"ours{number}")))
            into = asyncio.run(database(own.postgres, f"peer{number}"))
            theirs = count / peer(program, mongo, name, into)
            assert asyncio.run(landed(into)) == count, "the peer has not moved everything"
            say(f"round {number}: source {limit:,.0f}  ours {copied:,.0f} (whole {whole:,.0f})  peer {theirs:,.0f}")
            found.append((limit, copied, whole, theirs))
    finally:
        client.drop_database(name)
        client.close()
        demo.stop()
    limit, copied, whole, theirs = (statistics.median(each) for each in zip(*found, strict=True))
    answer = {
        "documents": documents,
        "source_documents_per_second": limit,
        "documents_per_second": copied,
        "whole_documents_per_second": whole,
        "peer": _PEER,
        "peer_documents_per_second": theirs,
        "ratio": statistics.median(each[1] / each[3] for each in found),
        "source_ratio": statistics.median(each[1] / each[0] for each in found),
    }
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in answer.items()}))  # noqa: T201


if __name__ == "__main__":
    main()
