"""What PostgreSQL makes of search vectors at best: INSERT ... SELECT on several connections, and nothing else."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from devora_console.config.secret import Dsn

_INSERT = """
INSERT INTO vector_ceiling
SELECT id, conversation_id, role, content, model_used, tokens_used, public.devora_vector(content), timestamp, ordinal,
       source_id, source_extra
  FROM public.messages WHERE ctid >= $1 AND ctid < $2
"""


async def ceiling(dsn: Dsn, connections: int) -> float:
    """Rows per second of INSERT ... SELECT with the vectors computed, into a bare copy of ``messages``."""
    first = await asyncpg.connect(dsn.reveal())
    await first.execute("DROP TABLE IF EXISTS vector_ceiling")
    await first.execute("CREATE TABLE vector_ceiling (LIKE public.messages, PRIMARY KEY (id))")
    rows = await first.fetchval("SELECT count(*) FROM public.messages")
    blocks = await first.fetchval("SELECT pg_relation_size('public.messages') / 8192")
    step = max(1, blocks // 40)
    left = iter(range(0, blocks, step))

    async def work() -> None:
        connection = await asyncpg.connect(dsn.reveal())
        await connection.execute("SET synchronous_commit = off")
        for start in left:
            await connection.execute(_INSERT, (start, 0), (start + step, 0))
        await connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    seconds = time.perf_counter() - began
    await first.execute("DROP TABLE vector_ceiling")
    await first.close()
    return float(rows / seconds)
