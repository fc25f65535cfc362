"""What tracking an event costs: ``python -m tests.benchmarks.analytics [EVENTS] [DSN]``. Needs no server without DSN.

Prints the time of the first call and of each later one (p50, p99, worst), alone and while the background task moves and
sends; events per second to the table and to a PostHog on this machine; and how long the end takes with a PostHog that
is well, that hangs, and a database that does not answer. Nothing here is judged.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from uuid import uuid4

from devora_console import schema
from devora_console.analytics import EventType, configure, shutdown, track_event, tracker
from devora_console.analytics.delivery import DeliverySnapshot, read
from devora_console.config.analytics import AnalyticsSettings
from devora_console.config.secret import Dsn, Secret
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.postgres.connect import connect
from devora_console.postgres.target import Target
from tests.analytics.posthog_server import PostHog, serving


def _said(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _settings(folder: Path, dsn: Dsn | None, posthog: PostHog | None) -> Settings:
    return Settings(
        postgres=PostgresSettings(dsn=dsn),
        analytics=AnalyticsSettings(
            spool=folder / uuid4().hex,
            posthog_api_key=Secret("phc_benchmark_key") if posthog else None,
            posthog_host=posthog.url if posthog else "http://127.0.0.1:1",
        ),
    )


def _calls(many: int, pause: float = 0.0) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    for n in range(many):
        said = {"project_id": str(n), "contexts_used": n, "retrieval_time_ms": 41.5, "query": "fuite mémoire"}
        begin = time.perf_counter()
        track_event(EventType.CHAT_MESSAGE_SENT, "4a0de3b0-3c5f-4b51-9d37-5f5fa0d4f0d0", said)
        taken.append((time.perf_counter() - begin) * 1000)
        if pause:
            time.sleep(pause)
    return taken


def _told(title: str, taken: list[float]) -> None:
    first, rest = taken[0], sorted(taken[1:])
    p50, p99 = rest[len(rest) // 2], rest[int(len(rest) * 0.99)]
    p999, worst = rest[int(len(rest) * 0.999)], rest[-1]
    _said(f"{title:<46} first {first:.2f}  p50 {p50:.3f}  p99 {p99:.3f}  p99.9 {p999:.3f}  worst {worst:.2f} ms")


def _ended(title: str) -> None:
    begin = time.perf_counter()
    shutdown()
    _said(f"{title:<46} {time.perf_counter() - begin:6.2f} s")
    tracker._use(None)


def _look(settings: Settings) -> DeliverySnapshot:
    return asyncio.run(read(settings, partial(Target(settings.postgres).visit, purpose="events")))


def _through(settings: Settings, many: int) -> None:
    begin, stored = time.perf_counter(), 0.0
    while True:
        found = _look(settings)
        now = time.perf_counter() - begin
        if not stored and found.spooled == 0:
            stored = now
            _said(f"{'to the table':<46} {many / now:8.0f} events/s after the last call")
        if found.spooled == 0 and found.waiting == 0:
            _said(f"{'to PostHog':<46} {many / now:8.0f} events/s after the last call")
            return
        time.sleep(0.05)


async def _apply(dsn: Dsn) -> None:
    connection = await connect(dsn, purpose="benchmark", read_only=False)
    await schema.apply(connection)
    await connection.close()


def main(many: int, dsn: Dsn | None) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as name, serving() as posthog:
        folder = Path(name)
        configure(_settings(folder, None, None), background=False)
        _told("the call, on the disk only", _calls(many))
        tracker._use(None)
        if dsn is not None:
            asyncio.run(_apply(dsn))
            settings = _settings(folder, dsn, posthog)
            configure(settings)
            _told("the call, as fast as it goes, all the way", _calls(many))
            _through(settings, many)
            _ended("the end: nothing waits")
            settings = _settings(folder, dsn, posthog)
            configure(settings)
            _told("the call, 500 a second, all the way", _calls(min(many, 5000), 0.002))
            _ended("the end: some wait")
            posthog.hang = True
            configure(_settings(folder, dsn, posthog))
            _calls(500)
            time.sleep(2)
            _ended("the end: PostHog hangs")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            mute = Dsn(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d")
            configure(_settings(folder, mute, posthog))
            _calls(500)
            time.sleep(0.5)
            _ended("the end: the database does not answer")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 20_000, Dsn(sys.argv[2]) if sys.argv[2:] else None)
