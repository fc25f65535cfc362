"""The migration against its limits: ``uv run python tests/benchmarks/migration.py [--rows N] [--quick]``.

Conversations with embedded messages of about 700 bytes, from a dump folder into the real tables. The copy is compared
with PostgreSQL's own COPY BINARY of the same rows, encoded before, over as many connections, in transactions of the
same size; and with the same workers leaving the COPY out. Conversion and COPY share the processors, so the limit is
1 / (1 / ceiling + 1 / python_only). Runs alternate, the first round is dropped, ratios are medians over rounds.
Each batch of the engine converts its documents here; in a job it does not, since the survey has kept what it made of
them: kept_rows_per_second is the copy of a whole job. verify_rows_per_second is the comparison by digests, of both
sides; verify_whole_rows_per_second is a whole verification, with the survey and its decisions before it. Search vectors
are compared with INSERT ... SELECT of the same rows on as many connections.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[2]))

from devora_console import schema
from devora_console.config.secret import Dsn
from devora_console.core.clock import utc_now
from devora_console.demo.servers import DemoServers, for_database, temporary_home
from devora_console.migration.control import Control, Tracker
from devora_console.migration.lease import Lease
from devora_console.migration.ledger import Ledger
from devora_console.migration.mapping_file import builtin_mapping
from devora_console.migration.progress import MigrationSnapshot
from devora_console.migration.setaside import set_aside
from devora_console.migration.survey import Survey
from devora_console.migration.target import read_target
from devora_console.migration.work.parts import Part
from devora_console.migration.work.pool import Pool
from devora_console.migration.work.seat import Context
from devora_console.migration.write import Stage, Writer
from devora_console.mongo.source import open_source
from tests.benchmarks import source
from tests.benchmarks.units import Begin, CopyOnly, PythonOnly
from tests.benchmarks.vectors import ceiling

NAME = "conversations"
WORKERS = os.cpu_count() or 1
_BATCH = 2_000_000


def say(line: str) -> None:
    """Narrate on stderr."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


class Bench:
    """One source, one survey, many targets."""

    def __init__(self, admin: Dsn, dump: Path, rows: int, size: int, scratch: Path) -> None:
        self.admin = admin
        self.dump = dump
        self.rows = rows
        self.size = size
        self.scratch = scratch
        self.ledger = Ledger(scratch)
        self.mapping = builtin_mapping()
        self._made = 0

    async def target(self) -> Dsn:
        """A database with the schema and nothing in it."""
        self._made += 1
        name = f"bench{self._made}"
        admin = await asyncpg.connect(self.admin.reveal())
        if self._made > 1:
            await admin.execute(f"DROP DATABASE IF EXISTS bench{self._made - 1} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        await admin.execute("CHECKPOINT")
        await admin.close()
        dsn = for_database(self.admin, name)
        connection = await asyncpg.connect(dsn.reveal())
        await connection.execute("CREATE EXTENSION vector")
        await schema.apply(connection)
        await connection.close()
        return dsn

    async def context(self, dsn: Dsn, connection: asyncpg.Connection[asyncpg.Record]) -> Context:
        """A run that may write, and tables without anything but their primary keys."""
        target = await read_target(connection, self.mapping)
        run = uuid4()
        lease = Lease(connection)
        await lease.take(run)
        await connection.execute(
            "INSERT INTO devora_console.run (run, kind, state) VALUES ($1, 'execute', 'running')", run
        )
        await set_aside(connection, ["conversations", "messages"])
        return Context(str(run), dsn.reveal(), self.mapping, target, "benchmark", run, lease.epoch)

    async def survey(self) -> None:
        """Survey once; the decisions are the same for every target."""
        dsn = await self.target()
        connection = await asyncpg.connect(dsn.reveal())
        context = Context(
            "survey", dsn.reveal(), self.mapping, await read_target(connection, self.mapping), "benchmark"
        )
        tracker = _tracker()
        where = open_source(str(self.dump), source.DATABASE)
        async with Pool(WORKERS, Control(), tracker) as pool:
            survey = Survey(
                source=where, connection=connection, pool=pool, context=context, ledger=self.ledger, tracker=tracker,
                piece_bytes=_BATCH // 2, prune=False,
            )  # fmt: skip
            self.surveyed = await survey.run(where.collections())
        self.collections = tracker.snapshot.collections
        await connection.close()

    def batches(self) -> Iterator[tuple[Part, ...]]:
        """The pieces of the conversations, as many as a batch has."""
        parts: list[Part] = []
        for each in self.ledger.pieces(NAME):
            parts.append(Part.of(self.ledger, each))
            if sum(part.piece.size for part in parts) >= _BATCH:
                yield tuple(parts)
                parts = []
        if parts:
            yield tuple(parts)

    async def units(self, units: Sequence[Any]) -> float:
        """Rows per second of these units over fresh tables, workers started before the clock."""
        dsn = await self.target()
        connection = await asyncpg.connect(dsn.reveal())
        context = await self.context(dsn, connection)
        async with Pool(WORKERS, Control(), _tracker()) as pool:
            await _begin(pool, context)
            began = time.perf_counter()
            async for _ in pool.results(context, iter(units)):
                pass
            seconds = time.perf_counter() - began
        await connection.close()
        return self.rows / seconds

    async def engine(self) -> float:
        """Rows per second of the console's own copy, with validation, digests, accounts and checkpoints."""
        dsn = await self.target()
        connection = await asyncpg.connect(dsn.reveal())
        context = await self.context(dsn, connection)
        tracker = _tracker()
        tracker.collections(self.collections)
        async with Pool(WORKERS, Control(), tracker) as pool:
            await _begin(pool, context)
            writer = Writer(
                pool=pool, context=context, ledger=self.ledger, mapping=self.mapping, tracker=tracker,
                batch_bytes=_BATCH, most_refused=0, committed=frozenset(),
            )  # fmt: skip
            began = time.perf_counter()
            await writer.together([Stage(self.surveyed.plans[NAME], fresh=True, known=False)])
            seconds = time.perf_counter() - began
        there = await connection.fetchval(
            "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM conversations)"
        )
        assert there == self.rows, f"{there} rows instead of {self.rows}"
        await connection.close()
        return self.rows / seconds


async def _begin(pool: Pool, context: Context) -> None:
    """Start every worker: one slow unit for each."""
    async for _ in pool.results(context, iter([Begin()] * (pool.workers * 2))):
        pass


def _tracker() -> Tracker:
    return Tracker(MigrationSnapshot(as_of=utc_now()), lambda snapshot: None)


async def rounds(bench: Bench, count: int) -> dict[str, float]:
    """Ceiling, Python alone and engine in turn; the first round is dropped."""
    batches = list(bench.batches())
    saved = [str(bench.scratch / "stream")] * len(batches)
    await bench.units([PythonOnly(NAME, parts, name) for parts, name in zip(batches, saved, strict=True)])
    copies = [
        CopyOnly(NAME, tuple(f"{name}.{parts[0].piece.number}.{at}" for at in range(2)), 0)
        for parts, name in zip(batches, saved, strict=True)
    ]
    found: list[tuple[float, float, float]] = []
    for number in range(count + 1):
        copied = await bench.units(copies)
        python = await bench.units([PythonOnly(NAME, parts) for parts in batches])
        engine = await bench.engine()
        say(f"round {number}: ceiling {copied:,.0f}  python {python:,.0f}  engine {engine:,.0f} rows/s")
        found.append((copied, python, engine))
    found = found[1:]
    limits = [1 / (1 / copied + 1 / python) for copied, python, _ in found]
    engines = [engine for _, _, engine in found]
    return {
        "rows_per_second": statistics.median(engines),
        "bson_mb_per_second": statistics.median(engines) / bench.rows * bench.size / 1e6,
        "ceiling_rows_per_second": statistics.median(copied for copied, _, _ in found),
        "python_only_rows_per_second": statistics.median(python for _, python, _ in found),
        "limit_rows_per_second": statistics.median(limits),
        "limit_ratio": statistics.median(engine / limit for engine, limit in zip(engines, limits, strict=True)),
        "copy_ratio": statistics.median(engine / copied for copied, _, engine in found),
    }


def whole(kind: str, bench: Bench, dsn: Dsn) -> dict[str, Any]:
    """A whole job in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.whole", kind, str(bench.dump), str(WORKERS)],
        input=dsn.reveal(), text=True, capture_output=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    say(f"{kind}: {answer}")
    return answer


async def run(rows: int, count: int) -> dict[str, Any]:
    """Everything, on servers of our own."""
    demo = DemoServers(temporary_home(), durable=True)
    own = demo.start()
    try:
        with tempfile.TemporaryDirectory(prefix="devora-bench-") as folder:
            say(f"writing {rows:,} rows of source")
            made, size = source.write(Path(folder) / "dump", rows)
            bench = Bench(own.postgres, Path(folder) / "dump", made, size, Path(folder))
            try:
                await bench.survey()
                answer: dict[str, Any] = {"rows": made, **await rounds(bench, count)}
                dsn = await bench.target()
                execute = await asyncio.to_thread(whole, "execute", bench, dsn)
                verify = await asyncio.to_thread(whole, "verify", bench, dsn)
                answer |= await _vectors(dsn, execute)
            finally:
                bench.ledger.close()
            assert verify["ok"] is True, "the copy did not verify"
            return answer | {
                "verify_rows_per_second": verify["rows"] / verify["phases"]["verify"][1],
                "verify_whole_rows_per_second": verify["rows"] / verify["seconds"],
                "kept_rows_per_second": execute["rows"] / execute["phases"]["write"][1],
                "total_seconds": execute["seconds"],
                "peak_rss_mb": max(execute["peak_rss_mb"], verify["peak_rss_mb"]),
                "ui_gap_ms": max(execute["ui_gap_ms"], verify["ui_gap_ms"]),
            }
    finally:
        demo.stop()


async def _vectors(dsn: Dsn, execute: dict[str, Any]) -> dict[str, float]:
    filled, seconds, _ = execute["phases"]["search vectors"]
    best = statistics.median([await ceiling(dsn, WORKERS) for _ in range(3)])
    say(f"search vectors: {filled / seconds:,.0f} rows/s, ceiling {best:,.0f}")
    return {
        "vectors_per_second": filled / seconds,
        "vectors_ceiling_per_second": best,
        "vectors_ratio": filled / seconds / best,
    }


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="40,000 rows, one round: to see that it works")
    given = parser.parse_args()
    answer = asyncio.run(run(40_000 if given.quick else given.rows, 1 if given.quick else given.rounds))
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in answer.items()}))  # noqa: T201


if __name__ == "__main__":
    main()
