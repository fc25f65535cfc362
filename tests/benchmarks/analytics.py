"""What tracking an event costs the application, and how fast events come to the database and to PostHog.

uv run python tests/benchmarks/analytics.py [--quick]    (the demo's PostgreSQL is started for it; PostHog is a process
on this machine)

The peer is the PostHog SDK alone: its ``capture`` and its own thread, without the copy in the database. The floor is
the bare write of the same line, at the same pace, in a process that does nothing else: what the machine itself costs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import psutil
from posthog import Posthog

from devora_console import schema
from devora_console.analytics import EventType, configure, shutdown, track_event, tracker
from devora_console.analytics.delivery import DeliverySnapshot, read
from devora_console.config.analytics import AnalyticsSettings
from devora_console.config.secret import Dsn, Secret
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.demo.servers import DemoServers, temporary_home
from devora_console.postgres.connect import connection
from devora_console.postgres.target import Target
from tests.benchmarks.migration import say

_USER = "4a0de3b0-3c5f-4b51-9d37-5f5fa0d4f0d0"
_PAUSE = 0.002  # between two calls of a busy application: 500 a second
_ROW = """INSERT INTO analytics_events (id, event_name, event_properties, timestamp, created_date)
SELECT r.id, r.event, r.properties, r.at, r.at::date
  FROM jsonb_to_recordset($1::jsonb) AS r (id uuid, event text, properties jsonb, at timestamptz)"""
Numbers = dict[str, float]


def main() -> None:
    """Print one JSON object at the end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a fifth of the events")
    many = 4_000 if parser.parse_args().quick else 20_000
    servers = DemoServers(temporary_home(), durable=False)
    try:
        dsn = servers.start().postgres
        asyncio.run(_prepare(dsn))
        with tempfile.TemporaryDirectory() as folder, _posthog() as well, _posthog("hang") as mute:
            result = _measure(Path(folder), dsn, well, mute, many)
    finally:
        servers.stop()
    print(json.dumps(result))  # noqa: T201 - the result


async def _prepare(dsn: Dsn) -> None:
    async with connection(dsn, purpose="benchmark", read_only=False, statement_timeout_seconds=0) as opened:
        await schema.apply(opened)


@contextlib.contextmanager
def _posthog(told: str = "ok") -> Iterator[str]:
    """In a process of its own: in ours it would hold the interpreter that the calls wait for."""
    module = [sys.executable, "-m", "tests.analytics.posthog_server"]
    with subprocess.Popen(module, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        process.stdin.write(f"{told}\n")
        process.stdin.flush()
        yield url
        process.stdin.close()


def _measure(folder: Path, dsn: Dsn, well: str, mute: str, many: int) -> dict[str, object]:
    paced = many // 4
    result: dict[str, object] = {"events": many, "paced_events": paced}
    say("the machine's own time, and the SDK alone")
    result |= _named("floor", _floor(folder, paced))
    result |= _peer(well, many, paced)
    say("all the way")
    configure(_settings(folder, dsn, well))
    result |= _named("paced", _calls(paced, _PAUSE))
    result["end_while_sending_s"] = _ended()
    settings = _settings(folder, dsn, well)
    configure(settings)
    result |= _named("burst", _calls(many, 0))
    result |= _through(settings, many)
    result["end_idle_s"] = _ended()
    limit = asyncio.run(_limit(dsn, many))
    say("the end with what does not answer")
    configure(_settings(folder, dsn, mute))
    _calls(500, 0)
    time.sleep(2)
    result["end_posthog_hangs_s"] = _ended()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(_settings(folder, Dsn(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d"), well))
        _calls(500, 0)
        time.sleep(0.5)
        result["end_database_hangs_s"] = _ended()
    result["table_limit_per_second"] = round(limit)
    result["rss_mb"] = round(psutil.Process().memory_info().rss / 1e6, 1)
    for name, ours, theirs in (
        ("call_ratio", "paced_p99_ms", "peer_paced_p99_ms"),
        ("posthog_ratio", "posthog_per_second", "peer_posthog_per_second"),
        ("table_ratio", "table_per_second", "table_limit_per_second"),
    ):
        result[name] = round(float(str(result[ours])) / float(str(result[theirs])), 3)
    return result


def _settings(folder: Path, dsn: Dsn, posthog: str) -> Settings:
    return Settings(
        postgres=PostgresSettings(dsn=dsn),
        analytics=AnalyticsSettings(
            spool=folder / uuid4().hex, posthog_api_key=Secret("phc_benchmark_key"), posthog_host=posthog
        ),
    )


def _said(number: int) -> dict[str, object]:
    return {"project_id": str(number), "contexts_used": number, "retrieval_time_ms": 41.5, "query": "fuite mémoire"}


def _calls(many: int, pause: float) -> list[float]:
    return _timed(lambda n: track_event(EventType.CHAT_MESSAGE_SENT, _USER, _said(n)), many, pause)


def _timed(call: Callable[[int], object], many: int, pause: float) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    for number in range(many):
        begin = time.perf_counter()
        call(number)
        taken.append((time.perf_counter() - begin) * 1000)
        if pause:
            time.sleep(pause)
    return taken


def _named(name: str, taken: list[float]) -> Numbers:
    ranked = sorted(taken[1:])
    told = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    found = {f"{name}_{word}_ms": round(ranked[int(len(ranked) * share)], 4) for word, share in told.items()}
    over = sum(each >= 1 for each in ranked)
    first = {f"{name}_first_ms": round(taken[0], 3)}  # it opens what later ones use
    return first | found | {f"{name}_worst_ms": round(ranked[-1], 3), f"{name}_over_1ms": over}


def _floor(folder: Path, many: int) -> list[float]:
    line = json.dumps(_said(1)).encode() + b" " * 200 + b"\n"
    descriptor = os.open(folder / "floor", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    try:
        return _timed(lambda _: os.write(descriptor, line), many, _PAUSE)
    finally:
        os.close(descriptor)


def _peer(host: str, many: int, paced: int) -> Numbers:
    """The SDK as its manual has it: a queue and a thread."""
    client = Posthog("phc_benchmark_peer", host=host, max_queue_size=many + 1)

    def capture(number: int) -> None:
        client.capture(str(EventType.CHAT_MESSAGE_SENT), distinct_id=_USER, properties=_said(number))

    found = _named("peer_paced", _timed(capture, paced, _PAUSE))
    client.flush()
    begin = time.perf_counter()
    found |= _named("peer_burst", _timed(capture, many, 0))
    client.flush()
    found["peer_posthog_per_second"] = round(many / (time.perf_counter() - begin))
    client.shutdown()
    return found


def _ended() -> float:
    begin = time.perf_counter()
    shutdown()
    taken = round(time.perf_counter() - begin, 3)
    tracker._use(None)
    return taken


def _look(settings: Settings) -> DeliverySnapshot:
    return asyncio.run(read(settings, partial(Target(settings.postgres).visit, purpose="events")))


def _through(settings: Settings, many: int) -> Numbers:
    """Events a second, from after the last call until all are there."""
    begin, found = time.perf_counter(), dict[str, float]()
    while True:
        seen = _look(settings)
        now = time.perf_counter() - begin
        if seen.spooled == 0:
            found.setdefault("table_per_second", round(many / now))
            if seen.waiting == 0:
                return found | {"posthog_per_second": round(many / now)}
        time.sleep(0.05)


async def _limit(dsn: Dsn, many: int) -> float:
    """Rows a second of the same shape into the same table, in batches of the same size, with nothing else to do."""
    batches = [
        json.dumps(
            [
                {"id": str(uuid4()), "event": "chat_message_sent", "properties": _said(n), "at": "2026-01-01T00:00:00Z"}
                for n in range(200)
            ]
        )
        for _ in range(many // 200)
    ]
    async with connection(dsn, purpose="benchmark", read_only=False, statement_timeout_seconds=0) as opened:
        begin = time.perf_counter()
        for batch in batches:
            await opened.execute(_ROW, batch)
        return len(batches) * 200 / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
