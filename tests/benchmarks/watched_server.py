"""A server that is hard to watch: thousands of long statements in its statistics, thousands of tables and indexes."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from devora_console.config.secret import Dsn
from devora_console.demo.servers import for_database
from tests.benchmarks.migration import say

_DATABASE = "watched"
_AT_ONCE = 200


async def fill(admin: Dsn, tables: int, statements: int, text_bytes: int) -> Dsn:
    """A database with ``tables`` tables of three indexes each, and ``statements`` distinct statements of so many bytes
    in pg_stat_statements.
    """
    connection = await asyncpg.connect(admin.reveal())
    await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
    await connection.close()
    dsn = for_database(admin, _DATABASE)
    connection = await asyncpg.connect(dsn.reveal())
    await connection.execute("CREATE EXTENSION pg_stat_statements")
    await connection.execute("SET synchronous_commit = off")
    for start in range(0, tables, _AT_ONCE):  # a transaction may not lock more than the lock table holds
        for number in range(start, min(start + _AT_ONCE, tables), 50):
            await connection.execute("; ".join(_table(each) for each in range(number, min(number + 50, tables))))
        say(f"tables: {min(start + _AT_ONCE, tables):,}")
    await connection.execute("SELECT pg_stat_statements_reset()")
    await _statements(connection, tables, statements, text_bytes)
    await connection.close()
    return dsn


def _table(number: int) -> str:
    name = f"t{number}"
    return (
        f"CREATE TABLE {name} (id int PRIMARY KEY, a int, b text); CREATE INDEX ON {name} (a);"
        f" CREATE INDEX ON {name} (b, a)"
    )


async def _statements(
    connection: asyncpg.Connection[asyncpg.Record], tables: int, statements: int, text_bytes: int
) -> None:
    padding = "x" * text_bytes
    for number in range(statements):
        # Another table or another shape is another statement; a comment is not.
        shape = ("a", "b", "id", "a, b", "id, a")[number // tables % 5]
        await connection.execute(f"/* {padding} */ SELECT {shape} FROM t{number % tables} WHERE a = 1")  # noqa: S608
    say(f"statements: {statements:,}")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, user and system, in steps of 10 ms."""
    words = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6
