"""What watching costs: ``uv run python tests/benchmarks/watching.py [--quick]``.

A server with 5,000 statements of 18 kB text and 10,000 tables with 30,000 indexes is asked what each refresh tier asks.
Server time is processor time of the session that answers, so that waiting counts for nothing. The client is the
console's own samplers without a screen, at their own pace; then again with an hour's samples in a minute, for memory.
pg_activity, in an environment of its own and at the same pace, stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pty
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from platformdirs import user_cache_path

sys.path.insert(0, str(Path(__file__).parents[2]))

from devora_console.config.conninfo import parse
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings, TerminalSettings
from devora_console.config.thresholds import ActivitySettings
from devora_console.core.loop import ServiceLoop
from devora_console.core.unknown import Unknown
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.postgres.activity.read import read as read_activity
from devora_console.postgres.activity.read_locks import read_locks
from devora_console.postgres.facts import read_facts
from devora_console.postgres.health.read import read_health
from devora_console.postgres.indexes.read import read as read_indexes
from devora_console.postgres.statements import read_numbers
from devora_console.postgres.target import Target
from devora_console.postgres.watch.guest import Guest
from devora_console.services.observing import KINDS, Observing
from tests.benchmarks.migration import say
from tests.benchmarks.watched_server import cpu_seconds, fill, resident_mb

_PEER = ("pg_activity>=3.6,<4", "psycopg[binary]>=3.2,<4")


async def costs(dsn: Dsn, rounds: int) -> dict[str, float]:
    """Server milliseconds of the cheap tiers, seconds of the dear ones."""
    guest = await Guest.enter(dsn, purpose="benchmark")
    rows = await guest.query("SELECT pg_backend_pid() AS pid")
    assert not isinstance(rows, Unknown)
    pid, limits = rows[0]["pid"], ActivitySettings()

    async def server_ms(look: Callable[[], Awaitable[object]], times: int) -> float:
        await look()
        before = cpu_seconds(pid)
        for _ in range(times):
            await look()
        return 1000 * (cpu_seconds(pid) - before) / times

    whole = await read_facts(guest.connection)

    async def tier_one() -> None:
        await read_facts(guest.connection, whole)
        await read_activity(guest, limits)
        await read_locks(guest, limits)

    async def seconds(look: Callable[[], Awaitable[object]]) -> float:
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            await look()
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    found = {
        "tier1_server_ms": await server_ms(tier_one, rounds),
        "statements_server_ms": await server_ms(lambda: read_numbers(guest), rounds),
        "indexes_seconds": await seconds(lambda: read_indexes(guest)),
        "health_seconds": await seconds(lambda: read_health(guest, Settings().health)),
    }
    await guest.leave()
    return found


def client(dsn: Dsn, seconds: float, kinds: Collection[str] = KINDS) -> tuple[float, float]:
    """(processor share in percent, resident MB) of the samplers of ``kinds``, after everything was looked at once."""
    settings = Settings(postgres=PostgresSettings(dsn=dsn), terminal=TerminalSettings())
    loop = ServiceLoop("benchmark")
    observing = Observing(settings, Target(settings.postgres), lambda kind: None, only=kinds)

    async def start() -> None:
        observing.start()

    loop.call(start())
    while any(observing.seen(kind) is None for kind in kinds):
        time.sleep(0.1)
    time.sleep(6)
    share = _own_share(seconds)
    mb = resident_mb(os.getpid())
    loop.call(observing.stop(), 10)
    loop.close()
    return share, mb


def _own_share(seconds: float) -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    time.sleep(seconds)
    now = resource.getrusage(resource.RUSAGE_SELF)
    return 100 * (now.ru_utime + now.ru_stime - usage.ru_utime - usage.ru_stime) / seconds


def growth(dsn: Dsn, seconds: float) -> float:
    """Resident MB that an hour of statement and session samples adds, taken in ``seconds``."""
    settings = Settings(postgres=PostgresSettings(dsn=dsn))
    loop = ServiceLoop("benchmark-hour")
    observing = Observing(settings, Target(settings.postgres), lambda kind: None, pace=60.0)

    async def start() -> None:
        observing.start()

    loop.call(start())
    time.sleep(seconds / 3)
    before = resident_mb(os.getpid())
    time.sleep(2 * seconds / 3)
    grown = resident_mb(os.getpid()) - before
    loop.call(observing.stop(), 10)
    loop.close()
    return grown


def peer(dsn: Dsn, seconds: float) -> float:
    """Processor share of pg_activity in percent, on a terminal of 120x40, at its own pace of two seconds."""
    folder = Path(user_cache_path("devora-console-benchmarks")) / "pg_activity"
    program = folder / "bin" / "pg_activity"
    if not program.exists():
        say("installing pg_activity")
        subprocess.run(["uv", "venv", "-q", str(folder)], check=True)  # noqa: S607
        subprocess.run(
            ["uv", "pip", "install", "-q", "--python", str(folder / "bin" / "python"), *_PEER],  # noqa: S607
            check=True,
        )
    place = parse(dsn.reveal())
    here, there = pty.openpty()
    environ = {
        **os.environ,
        "PGPASSWORD": place.get("password", ""),
        "TERM": "xterm-256color",
        "COLUMNS": "120",
        "LINES": "40",
    }
    process = subprocess.Popen(
        [str(program), "-h", place["host"], "-p", place["port"], "-U", place["user"], "-d", place["dbname"],
         "--refresh", "2", "--no-proc-info"],
        stdin=there, stdout=there, stderr=there, env=environ, start_new_session=True,
    )  # fmt: skip
    threading.Thread(target=_drain, args=(here,), daemon=True).start()
    time.sleep(8)
    if process.poll() is not None:
        raise RuntimeError("pg_activity has ended")
    before = cpu_seconds(process.pid)
    time.sleep(seconds)
    share = 100 * (cpu_seconds(process.pid) - before) / seconds
    process.terminate()
    process.wait()
    return share


def _drain(handle: int) -> None:
    try:
        while os.read(handle, 65536):
            pass
    except OSError:
        return


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--statements", type=int, default=4_900)
    parser.add_argument("--text-bytes", type=int, default=18_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--quick", action="store_true", help="200 tables, 200 statements, a few seconds")
    given = parser.parse_args()
    tables, statements, size, seconds = given.tables, given.statements, given.text_bytes, given.seconds
    if given.quick:
        tables, statements, size, seconds = 200, 200, 2000, 6.0
    demo = DemoServers(temporary_home(), durable=False)
    own = demo.start()
    try:
        dsn = asyncio.run(fill(own.postgres, tables, statements, size))
        answer: dict[str, float] = asyncio.run(costs(dsn, 10 if given.quick else 50))
        say(f"{answer}")
        share, mb = client(dsn, seconds)
        answer |= {"client_cpu_percent": share, "rss_mb": mb}
        say(f"client {share:.2f} %, {mb:.0f} MB")
        answer["rss_growth_mb"] = growth(dsn, seconds)
        # What pg_activity looks at too: sessions and who blocks whom.
        answer["sessions_cpu_percent"] = client(dsn, seconds, ("activity", "locks"))[0]
        answer["peer_client_cpu_percent"] = peer(dsn, seconds)
        answer["peer_ratio"] = answer["sessions_cpu_percent"] / max(0.01, answer["peer_client_cpu_percent"])
    finally:
        demo.stop()
    print(json.dumps({key: round(value, 3) for key, value in answer.items()}))  # noqa: T201


if __name__ == "__main__":
    main()
