"""Databases that were made to be dropped again: of trials of backups, and of rehearsals of a cutover."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import asyncpg

from devora_console.core.safetext import one_line
from devora_console.core.scratch import Left, undropped
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
REHEARSAL = "devora_rehearsal_"
_REHEARSALS = re.compile(REHEARSAL + r"[a-z0-9_]+")
_COMMENT = "devora-console: scratch target of a rehearsal; may be dropped when that has ended "

Ended = Callable[[str], bool | None]
"""Whether the run of this id has ended; None when it is not known here."""


@dataclass(frozen=True, slots=True)
class There:
    """A database, what its comment says, and whether anybody is connected."""

    name: str
    comment: str
    busy: bool


async def there(conn: Connection, prefix: str) -> tuple[There, ...]:
    """Every database whose name begins so."""
    rows = await conn.fetch(sql("devora_console.postgres", "scratch_databases"), prefix)
    return tuple(There(row["name"], row["comment"] or "", row["busy"]) for row in rows)


async def drop_dead(conn: Connection, found: Sequence[Left]) -> tuple[Left, ...]:
    """Drop those that are dead; what is there still and not being worked with."""
    kept = []
    for each in found:
        if each.dead:
            try:
                # Without FORCE: whoever has come in since is not thrown out.
                await conn.execute(f"DROP DATABASE IF EXISTS {quoted(each.name)}")
            except asyncpg.PostgresError as error:
                kept.append(undropped(each, str(error)))
        elif not each.alive:
            kept.append(each)
    return tuple(kept)


# --- rehearsals -------------------------------------------------------------------------------------


def rehearsal_comment(run: str, root: Path) -> str:
    """What is said of the scratch target of ``run``, which is kept in ``root``: it lives as long as that run."""
    return _COMMENT + json.dumps({"run": run, "root": str(root), "host": socket.gethostname()}, sort_keys=True)


async def rehearsals_left(conn: Connection, root: Path, ended: Ended) -> tuple[Left, ...]:
    """The scratch targets of rehearsals; ``ended`` knows the runs in ``root``."""
    found = await there(conn, REHEARSAL)
    return tuple(_of_run(each, root, ended) for each in found if _REHEARSALS.fullmatch(each.name))


def _of_run(found: There, root: Path, ended: Ended) -> Left:
    said = _said(found.comment)
    if said is None:
        return Left(found.name, "nobody knows of which rehearsal", "it has no mark of this console")
    run, by = said["run"], one_line(f"of the rehearsal {said['run']}, run on {said['host']}", 200)
    if said["host"] != socket.gethostname() or said["root"] != str(root):
        return Left(found.name, by, "whether that has ended cannot be told from here; look there")
    over = ended(run)
    if over is None:
        return Left(found.name, by, "that run is not in the folder of runs any more; drop it by hand")
    if not over:
        return Left(found.name, by, "that run has not ended", alive=True)
    if found.busy:
        return Left(found.name, by, "that run has ended, and somebody is connected to it")
    return Left(found.name, by, "that run has ended", dead=True)


def _said(comment: str) -> dict[str, str] | None:
    if not comment.startswith(_COMMENT):
        return None
    try:
        said = json.loads(comment.removeprefix(_COMMENT))
        return {key: str(said[key]) for key in ("run", "root", "host")}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
