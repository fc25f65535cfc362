"""How fast documents are embedded: ``uv run python tests/benchmarks/embedding.py [--rows N] [--quick]``.

Messages of some 25 French words, with word frequencies as in real text, belong to a few hundred users. Each back-fill
is a process of its own, so that its memory is its own: with the offline embedder, written to the end, without an
index for nearest neighbours; then once more with texts of 200 kB among them; then the index is made, and a small
remainder goes in under it. Speeds are medians of several runs.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import itertools
import json
import random
import resource
import statistics
import subprocess
import sys
import uuid
from importlib import resources
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[2]))

from devora_console.config.secret import Dsn
from devora_console.config.settings import Settings
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.postgres.connect import connect
from devora_console.schema import apply
from devora_console.schema.versions import ROLES
from devora_console.search.embed import ann
from devora_console.search.embed.backfill import Backfill, Wanted
from devora_console.search.embed.provider import embedder_of
from tests.benchmarks.migration import say

_USERS, _LONG, _LONG_BYTES, _REMAINDER = 300, 5, 200_000, 500
_NEVER = 1 << 60
_JOINTS = "de la le et les des à un une du en que pour dans est sur qui ne pas par avec plus au ce il".split()  # noqa: SIM905


class Writer:
    """Makes French-looking text: words of the glossary and joints, the frequent ones as frequent as in real text."""

    def __init__(self, seed: int) -> None:
        self._drawn = random.Random(seed)  # noqa: S311 - no secret
        text = resources.files("devora_console.search.embed").joinpath("glossary_fr.tsv").read_text("utf-8")
        words = [line.partition("\t")[0].lstrip("~") for line in text.splitlines() if line[:1] not in ("", "#")]
        self._drawn.shuffle(words)
        made = ["".join(self._drawn.choices("abcdefghilmnoprstuv", k=8)) for _ in range(20_000)]
        self._words = _JOINTS + words + made
        self._weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(self._words))))

    def text(self, words: int) -> str:
        """So many words."""
        top, draw = self._weights[-1], self._drawn.random
        return " ".join(self._words[bisect.bisect(self._weights, draw() * top)] for _ in range(words)) + "."

    def message(self) -> str:
        """A message of some 25 words."""
        return self.text(max(3, int(self._drawn.lognormvariate(3.1, 0.5))))


async def fill(admin: Dsn, rows: int) -> Dsn:
    """A database with so many messages and their documents."""
    db = await asyncpg.connect(admin.reveal())
    await db.execute("DROP DATABASE IF EXISTS embedding_bench")
    await db.execute("CREATE DATABASE embedding_bench TEMPLATE template0")
    for role in ROLES:
        await db.execute(f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    await db.close()
    dsn = for_database(admin, "embedding_bench")
    db = await asyncpg.connect(dsn.reveal())
    await db.execute("CREATE EXTENSION vector")
    await apply(db)
    writer, users, talks = Writer(7), [uuid.uuid4() for _ in range(_USERS)], []
    await db.copy_records_to_table(
        "users",
        records=[(user, f"{user}@example.org", "x", "Ana") for user in users],
        columns=("id", "email", "hashed_password", "full_name"),
    )
    for user in users:
        talks += [(uuid.uuid4(), user, writer.text(4)) for _ in range(3)]
    # As a bulk load does: no triggers, documents made at the end.
    await db.execute("SET session_replication_role = replica")
    await db.copy_records_to_table("conversations", records=talks, columns=("id", "user_id", "title"))
    for start in range(0, rows, 10_000):
        await db.copy_records_to_table(
            "messages",
            records=[
                (talks[(start + at) % len(talks)][0], "user", writer.message())
                for at in range(min(10_000, rows - start))
            ],
            columns=("conversation_id", "role", "content"),
        )
    for kind in ("conversation", "message"):
        await db.execute("SELECT devora_console.fill_documents($1, '(0,0)', '(4294967295,65535)')", kind)
    await db.execute("VACUUM ANALYZE")
    await db.close()
    return dsn


async def backfill(dsn: Dsn, index_from: int) -> dict[str, float]:
    """One back-fill in this process."""
    embedder = embedder_of(Settings())
    await embedder.embed(["pour charger les poids"])

    def opened(_: str) -> object:
        return connect(dsn, purpose="benchmark", read_only=False, statement_timeout_seconds=0)

    result = await Backfill(opened, embedder, Wanted(index_from=index_from)).run()  # type: ignore[arg-type]
    assert result.remaining == 0, result.words
    speed = result.progress.rows_per_second
    made = result.index.rows_per_second if result.index is not None else Unknown("none")
    return {
        "rows": result.progress.embedded,
        "rows_per_second": 0.0 if isinstance(speed, Unknown) else speed,
        "index_rows_per_second": 0.0 if isinstance(made, Unknown) else made,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def child(dsn: Dsn, index_from: int) -> dict[str, float]:
    """One back-fill in a process of its own."""
    command = [sys.executable, __file__, "--child", dsn.reveal(), "--index-from", str(index_from)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def change(dsn: Dsn, statement: str, *arguments: object) -> None:
    """Do something to the database."""
    db = await asyncpg.connect(dsn.reveal())
    await db.execute(statement, *arguments)
    await db.close()


def measure(dsn: Dsn, runs: int) -> dict[str, float]:
    """Everything the script prints."""
    plain = []
    for number in range(runs):
        asyncio.run(change(dsn, "TRUNCATE public.embeddings"))
        plain.append(child(dsn, _NEVER))
        say(f"run {number + 1}: {plain[-1]['rows_per_second']:,.0f} rows/s, {plain[-1]['peak_rss_mb']:.0f} MB")
    text = Writer(8).text(_LONG_BYTES // 6)[:_LONG_BYTES]
    asyncio.run(change(dsn, "TRUNCATE public.embeddings"))
    add = (
        "INSERT INTO messages (conversation_id, role, content)"
        " SELECT c.id, 'user', $1 FROM conversations c ORDER BY c.id LIMIT $2"
    )
    asyncio.run(change(dsn, add, text, _LONG))
    with_long = child(dsn, _NEVER)
    say(f"with {_LONG} texts of 200 kB: {with_long['rows_per_second']:,.0f} rows/s, {with_long['peak_rss_mb']:.0f} MB")
    indexed = child(dsn, 1)
    say(f"index: {indexed['index_rows_per_second']:,.0f} rows/s")
    edit = (
        "UPDATE messages SET content = content || ' encore' WHERE id IN (SELECT id FROM messages ORDER BY id LIMIT $1)"
    )
    asyncio.run(change(dsn, edit, _REMAINDER))
    under = child(dsn, 1)
    least = min(each["peak_rss_mb"] for each in plain)
    return {
        "rows": plain[0]["rows"],
        "rows_per_second": statistics.median(each["rows_per_second"] for each in plain),
        "rows_per_second_with_long_texts": with_long["rows_per_second"],
        "index_rows_per_second": indexed["index_rows_per_second"],
        "under_index_rows_per_second": under["rows_per_second"],
        "peak_rss_mb": max(with_long["peak_rss_mb"], *(each["peak_rss_mb"] for each in plain)),
        "long_text_rss_mb": with_long["peak_rss_mb"] - least,
    }


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="fewer rows, one run")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--index-from", type=int, default=ann.LEAST, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(asyncio.run(backfill(Dsn(given.child), given.index_from))))  # noqa: T201
        return
    rows = min(given.rows, 15_000) if given.quick else given.rows
    servers = DemoServers(temporary_home(), durable=True)
    try:
        say(f"filling {rows:,} messages")
        dsn = asyncio.run(fill(servers.start().postgres, rows))
        found = measure(dsn, 1 if given.quick else 3)
    finally:
        servers.stop()
    print(json.dumps({name: round(value, 1) for name, value in found.items()}))  # noqa: T201


if __name__ == "__main__":
    main()
