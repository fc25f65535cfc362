"""The client tools that backups and rollbacks use, as they are found on PATH."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from devora_console.core.tools import Tool, ask, client_places
from devora_console.doctor.check import Answer, Check, check_of, passed, unknown, warned

POSTGRES_TOOLS = ("psql", "pg_dump", "pg_restore")
MONGO_TOOLS = ("mongodump", "mongorestore")


async def find_tools(environ: Mapping[str, str]) -> dict[str, Tool | None]:
    """Every tool by name, None for those that PATH does not have."""
    names = (*POSTGRES_TOOLS, *MONGO_TOOLS)
    search = environ.get("PATH", "")
    paths = [shutil.which(name, path=search) for name in names]
    tools = await asyncio.gather(*(ask(Path(path)) if path else _nothing() for path in paths))
    return dict(zip(names, tools, strict=True))


async def _nothing() -> None:
    return None


async def judge_tools(tools: Mapping[str, Tool | None], server_version_num: int | None) -> list[Check]:
    """Judge them; pg_dump and pg_restore against the server, when that is known."""
    major = server_version_num // 10000 if server_version_num else None
    newer = await asyncio.to_thread(client_places, major) if major else ()
    checks = [check_of(f"tool.{name}", name, _postgres(name, tools.get(name), major, newer)) for name in POSTGRES_TOOLS]
    return checks + [check_of(f"tool.{name}", name, _mongo(name, tools.get(name))) for name in MONGO_TOOLS]


def _postgres(name: str, tool: Tool | None, major: int | None, newer: tuple[Path, ...]) -> Answer:
    package = f"postgresql-client-{major}" if major else "the PostgreSQL client programs"
    elsewhere = f"put {newer[0]} first in PATH, or " if newer else ""
    remedy = f"{elsewhere}install {package}"
    if tool is None:
        return warned("not found on PATH", remedy[0].upper() + remedy[1:])
    value = f"{tool.version} at {tool.path}"
    if tool.major is None:
        return warned(value, remedy[0].upper() + remedy[1:])
    if name == "psql":
        return passed(value)
    if major is None:
        return unknown(f"{value}; whether it suits the server needs postgres.reachable")
    if tool.major >= major:
        return passed(value)
    wrong = f"{value}: too old for the server, which is {major}"
    return warned(wrong, f"{name} must be of the server's version or newer: {remedy}")


def _mongo(name: str, tool: Tool | None) -> Answer:
    if tool is None:
        return warned("not found on PATH", "Install the MongoDB Database Tools (package mongodb-database-tools)")
    value = f"{tool.version} at {tool.path}"
    if tool.major is None:
        return warned(value, f"{name} does not tell its version: install the MongoDB Database Tools again")
    return passed(value)
