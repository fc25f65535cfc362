"""Traffic for the demo: what Devora's backend would ask of its database, so that the watching screens have something
to show. Run as a program it reads the connection string from stdin and ends when stdin does.

It waits until the tables are filled and no copy runs, and writes only to tables that no migration fills: a
verification finds nothing of it. It tells of what its users do, as the backend would, and has the figures refreshed
every minute. Some of it is bad on purpose: a search that no index serves, a row lock held while
others wait, a transaction left open.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg

from devora_console.config.secret import Dsn
from devora_console.demo import happenings
from devora_console.postgres.connect import LOST

_READY = (
    "SELECT EXISTS (SELECT FROM public.users) AND NOT EXISTS (SELECT FROM devora_console.run WHERE state = 'running')"
    " AND NOT EXISTS (SELECT FROM devora_console.set_aside)"
)
_WORDS = ("erreur", "projet", "React", "composant", "paiement", "déploiement", "mémoire", "API")
_ANYBODY = "SELECT id FROM public.users OFFSET $1::int % greatest((SELECT count(*)::int FROM public.users), 1) LIMIT 1"
_READS = (
    "SELECT id, name, updated_at FROM public.projects WHERE user_id = $1 ORDER BY updated_at DESC LIMIT 20",
    "SELECT c.id, c.title, count(m.id) FROM public.conversations c JOIN public.messages m ON m.conversation_id = c.id"
    " WHERE c.user_id = $1 GROUP BY c.id ORDER BY max(m.timestamp) DESC LIMIT 10",
    "SELECT id, amount, status FROM public.invoices WHERE user_id = $1 ORDER BY created_at DESC",
)
_SEARCH = (
    "SELECT id, conversation_id FROM public.messages WHERE search_vector @@ websearch_to_tsquery('french', $1)"
    " ORDER BY timestamp DESC LIMIT 20"
)
_UNINDEXED = "SELECT count(*) FROM public.project_files WHERE lower(content) LIKE '%' || lower($1) || '%'"
_SEARCHED = (
    "INSERT INTO public.search_queries (user_id, query_text, search_type, results_count, execution_time_ms)"
    " VALUES ($1, $2, $3, $4, $5)"
)
_COUNTED = "UPDATE public.search_queries SET results_count = coalesce(results_count, 0) + 1 WHERE search_type = $1"
_FORGOTTEN = (
    "DELETE FROM public.search_queries WHERE id IN"
    " (SELECT id FROM public.search_queries ORDER BY timestamp DESC OFFSET 5000 LIMIT 200)"
)
_SOMEBODY = "SELECT id FROM public.users WHERE deleted_at IS NULL ORDER BY created_at DESC LIMIT 300"
_TOLD = "SELECT EXISTS (SELECT FROM public.analytics_events)"

Work = Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[None]]


async def _anybody(connection: asyncpg.Connection[asyncpg.Record]) -> object:
    return await connection.fetchval(_ANYBODY, random.randrange(1000))  # noqa: S311 - traffic, not secrets


async def _search(connection: asyncpg.Connection[asyncpg.Record], word: str) -> tuple[int, int]:
    """How many rows came back, in how many milliseconds."""
    began = time.perf_counter()
    rows = await connection.fetch(_SEARCH, word)
    return len(rows), round((time.perf_counter() - began) * 1000)


async def _read(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    user = await _anybody(connection)
    for question in _READS:
        await connection.fetch(question, user)
    found, took = await _search(connection, random.choice(_WORDS))  # noqa: S311
    happenings.one(user, contexts=min(found, 5), milliseconds=took)
    await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311


async def _write(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    user, word = await _anybody(connection), random.choice(_WORDS)  # noqa: S311
    kind = random.choice(("all", "projects", "messages"))  # noqa: S311
    found, took = await _search(connection, word)
    await connection.execute(_SEARCHED, user, word, kind, found, took)
    await connection.execute(_COUNTED, kind)
    await connection.execute(_FORGOTTEN)
    await asyncio.sleep(random.uniform(0.1, 0.6))  # noqa: S311


async def _figures(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    if not await connection.fetchval(_TOLD):
        await happenings.past([row["id"] for row in await connection.fetch(_SOMEBODY)])
        await asyncio.sleep(5)  # until they are in the table
    await connection.execute("SELECT public.refresh_all_stats()")
    await asyncio.sleep(60)


async def _burden(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.fetch(_UNINDEXED, random.choice(_WORDS))  # noqa: S311
    await asyncio.sleep(random.uniform(1, 3))  # noqa: S311


async def _forget_to_commit(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    async with connection.transaction():
        await connection.execute(_COUNTED, "projects")
        await asyncio.sleep(random.uniform(4, 8))  # noqa: S311 - idle in transaction, and the writer waits
    await asyncio.sleep(random.uniform(10, 25))  # noqa: S311


async def _keep_on(dsn: Dsn, work: Work) -> None:
    """Do it again and again, over a connection that is opened anew when it breaks."""
    while True:
        with suppress(*LOST, asyncpg.PostgresError):
            connection = await asyncpg.connect(
                dsn.reveal(), server_settings={"application_name": "devora-backend", "statement_timeout": "30s"}
            )
            try:
                while True:
                    if await connection.fetchval(_READY):
                        await work(connection)
                    else:
                        await asyncio.sleep(2)
            finally:
                connection.terminate()
        await asyncio.sleep(2)


async def _work(dsn: Dsn) -> None:
    works = (_read, _read, _write, _burden, _forget_to_commit, _figures)
    tasks = [asyncio.create_task(_keep_on(dsn, each)) for each in works]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def traffic(dsn: Dsn, spool: Path | None = None) -> Iterator[None]:
    """Traffic on the database for the length of the block, from a process of its own.

    ``spool``: the folder that its events go through; without one it tells of none.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, *([str(spool)] if spool is not None else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(dsn.reveal().encode() + b"\n")
        process.stdin.flush()
        yield
    finally:
        with suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]  # asserted above
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()


if __name__ == "__main__":
    os.nice(10)
    _dsn = Dsn(sys.stdin.readline().strip())
    if sys.argv[1:]:
        happenings.begin(_dsn, Path(sys.argv[1]))
    asyncio.run(_work(_dsn))
