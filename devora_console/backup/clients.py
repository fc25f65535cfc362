"""The programs that dump and restore: found on PATH, in the system's folders, and where the composition says."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devora_console.core.problems import ConsoleError, usage_error
from devora_console.core.tools import Tool, ask, client_places

Folders = Callable[[], Sequence[Path]]
_NAMES = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True, slots=True)
class Clients:
    """PostgreSQL's programs of one version, from one folder."""

    dump: Tool
    restore: Path
    psql: Path

    @property
    def major(self) -> int:
        """Their major version."""
        return self.dump.major or 0


async def mongodump(environ: Mapping[str, str]) -> Tool | None:
    """mongodump, when PATH has one that runs."""
    found = shutil.which("mongodump", path=environ.get("PATH", ""))
    tool = await ask(Path(found)) if found else None
    return tool if tool is not None and tool.major is not None else None


async def all_clients(environ: Mapping[str, str], more: Folders) -> list[Clients]:
    """Every complete set there is, PATH's first."""
    on_path = shutil.which("pg_dump", path=environ.get("PATH", ""))
    places = [Path(on_path).parent] if on_path else []
    places += [each for each in (*client_places(0), *more()) if each not in places]
    whole = [each for each in places if all((each / name).exists() for name in _NAMES)]
    tools = await asyncio.gather(*(ask(each / "pg_dump") for each in whole))
    return [
        Clients(tool, each / "pg_restore", each / "psql")
        for each, tool in zip(whole, tools, strict=True)
        if tool.major is not None
    ]


async def clients_for(major: int, environ: Mapping[str, str], more: Folders) -> Clients:
    """The set nearest to ``major``, not older. Raises ConsoleError (exit 2) when all are older or there is none."""
    found = await all_clients(environ, more)
    able = [each for each in found if each.major >= major]
    if able:
        return min(able, key=lambda each: each.major)
    raise too_old(major, max((each.major for each in found), default=None))


async def newest_clients(environ: Mapping[str, str], more: Folders) -> Clients:
    """The newest set, which reads the most. Raises ConsoleError (exit 2) when there is none."""
    found = await all_clients(environ, more)
    if not found:
        raise usage_error(
            "pg_tools_missing",
            "pg_restore and psql are not found, so a dump of PostgreSQL cannot be read",
            "Install the PostgreSQL client programs (Debian: postgresql-client)",
        )
    return max(found, key=lambda each: each.major)


def too_old(major: int, best: int | None) -> ConsoleError:
    """No client is of the server's version or newer."""
    have = f"the newest pg_dump found is {best}" if best else "no pg_dump is found"
    return usage_error(
        "pg_dump_too_old",
        f"the server is PostgreSQL {major} and {have}: an older pg_dump cannot dump a newer server",
        f"Install postgresql-client-{major}, or put the folder of a newer pg_dump first in PATH",
    )
