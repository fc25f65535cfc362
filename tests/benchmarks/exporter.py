"""An hour of scrapes of a real server's exporter: how long each takes, what it asks the server, and what it keeps.

uv run python tests/benchmarks/exporter.py [--quick]    (the demo's PostgreSQL is started for it)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import httpx
import psutil

from devora_console import schema
from devora_console.analytics.exporter.serve import Exposing
from devora_console.config.load import load
from devora_console.config.secret import Dsn
from devora_console.cutover.opening import Intent
from devora_console.cutover.runbook import Given
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.postgres.connect import connection
from devora_console.services.cutting import Aim
from devora_console.services.exporting import Exporting

_WARM = 60
_CALLS = "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s WHERE query LIKE '%devora-console%'"


def main() -> None:
    """Print one JSON object at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the scrapes")
    scrapes = 72 if parser.parse_args().quick else 720
    servers = DemoServers(temporary_home(), durable=False)
    try:
        dsn = servers.start().postgres
        asyncio.run(_prepare(dsn))
        result = _measure(dsn, scrapes)
    finally:
        servers.stop()
    print(json.dumps(result))  # noqa: T201 - the result


async def _prepare(dsn: Dsn) -> None:
    async with connection(dsn, purpose="benchmark", read_only=False, statement_timeout_seconds=0) as opened:
        await opened.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await schema.apply(opened)


def _measure(dsn: Dsn, scrapes: int) -> dict[str, object]:
    home = tempfile.mkdtemp(prefix="devora-exporter-")
    os.environ["DEVORA_CONSOLE_HOME"] = home
    effective = load(
        overrides={"postgres.dsn": dsn.reveal(), "exporter.every_seconds": "5"}, environ={}, cwd=Path(home)
    )
    exporting = Exporting(effective.settings, Aim(Intent("big-bang", Path(home), Given()), "benchmark", "login"))
    exposing = Exposing("127.0.0.1", 0, exporting.world)
    exporting.loop.call(exporting.start())
    exporting.loop.call(exporting.settled(60))
    exposing.start()
    me = psutil.Process()
    try:
        with httpx.Client() as client:
            for _ in range(_WARM):
                client.get(exposing.url)
            print(f"{scrapes} scrapes", file=sys.stderr)  # noqa: T201 - narration
            before, asked = me.memory_info().rss, asyncio.run(_asked(dsn))
            began, times, size = time.monotonic(), [], 0
            for _ in range(scrapes):
                at = time.monotonic()
                answer = client.get(exposing.url)
                times.append((time.monotonic() - at) * 1000)
                assert answer.status_code == 200
                size = len(answer.content)
            seconds = time.monotonic() - began
            after, asked_after = me.memory_info().rss, asyncio.run(_asked(dsn))
    finally:
        exposing.stop()
        exporting.loop.call(exporting.stop())
        exporting.loop.close()
    ranked = sorted(times)
    return {
        "scrapes": scrapes,
        "p50_ms": round(statistics.median(times), 2),
        "p99_ms": round(ranked[int(len(ranked) * 0.99)], 2),
        "bytes": size,
        "rss_mb": round(after / 1e6, 1),
        "grown_mb": round((after - before) / 1e6, 2),
        "server_statements": asked_after - asked,
        "server_statements_per_second": round((asked_after - asked) / seconds, 1),
        "server_statements_per_scrape": round((asked_after - asked) / scrapes, 2),
        "seconds": round(seconds, 1),
        "threads": me.num_threads(),
    }


async def _asked(dsn: Dsn) -> int:
    opened = await asyncpg.connect(dsn.reveal())
    try:
        return int(await opened.fetchval(_CALLS))
    finally:
        await opened.close()


if __name__ == "__main__":
    main()
