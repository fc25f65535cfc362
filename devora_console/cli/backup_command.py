"""``backup mongo|postgres|verify|restore|adopt|list``."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from devora_console.backup.adopt import adopt
from devora_console.backup.context import Context
from devora_console.backup.judge import Against, judge
from devora_console.backup.model import LEVELS, Kind, Level
from devora_console.backup.mongo_dump import dump_mongo
from devora_console.backup.postgres_dump import dump_postgres
from devora_console.backup.reading import require_manifest
from devora_console.backup.restore import restore
from devora_console.backup.shelf import entries, partials
from devora_console.backup.stop import interrupted
from devora_console.backup.unsound import Unsound
from devora_console.cli.backup_view import (
    list_keys,
    manifest_keys,
    print_judgement,
    print_list,
    print_restored,
    print_taken,
    restored_keys,
    verdict_keys,
)
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.core.guard import Act
from devora_console.core.problems import ExitCode, Problem, usage_error
from devora_console.core.safetext import one_line
from devora_console.postgres.target import Target
from devora_console.services.backups import backup_context

T = TypeVar("T")
_HOURS = 24.0
_OUT = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="The folder to put the backup into."
)
_IGNORE_SPACE = click.option("--ignore-space", is_flag=True, help="Begin even if there may not be room enough.")


@click.group("backup")
def command() -> None:
    """Take, judge, adopt, list and restore backups of both servers.

    A backup is a folder with the data and backup.json. It gets its name when it is whole; before, it is NAME.partial.
    """


@door_command(command, "mongo")
@_OUT
@click.option("--gzip", "packed", is_flag=True, help="Compress every file.")
@click.option("--driver", "by_driver", is_flag=True, help="Dump through the driver even if mongodump is installed.")
@_IGNORE_SPACE
def _mongo(door: Door, out: Path | None, packed: bool, by_driver: bool, ignore_space: bool) -> Answer:
    """Dump the source: by mongodump, or through the driver into the same kind of folder."""
    context = _context(door)
    path, manifest = _run(
        context,
        dump_mongo(context, out or context.shelf, packed=packed, by_driver=by_driver, ignore_space=ignore_space),
    )
    return Answer(manifest_keys(path, manifest), lambda console: print_taken(console, path, manifest))


@door_command(command, "postgres")
@_OUT
@_IGNORE_SPACE
def _postgres(door: Door, out: Path | None, ignore_space: bool) -> Answer:
    """Dump the target with the pg_dump of its version, and count its rows in the same snapshot."""
    context = _context(door)
    path, manifest = _run(context, dump_postgres(context, out or context.shelf, ignore_space=ignore_space))
    return Answer(manifest_keys(path, manifest), lambda console: print_taken(console, path, manifest))


@door_command(command, "verify")
@click.argument("path", required=False)
@click.option("--newest", type=click.Choice([kind.value for kind in Kind]), help="The newest one on the list.")
@click.option("--level", type=click.Choice(LEVELS), default=Level.COUNTS.value, show_default=True, help="How far.")
@click.option(
    "--against",
    type=click.Choice([each.value for each in Against]),
    default=Against.AUTO.value,
    show_default=True,
    help="Compare counts with the server now (live), or with its manifest alone. auto: live, "
    "but for a PostgreSQL backup that the console took.",
)
@click.option(
    "--max-age-hours",
    type=click.FloatRange(0),
    default=_HOURS,
    show_default=True,
    help="Older than this is red; 0: any.",
)
def _verify(door: Door, path: str | None, newest: str | None, level: str, against: str, max_age_hours: float) -> Answer:
    """Judge a backup.

    \b
    exists    every file is there, with its size
    complete  every byte read: checksums, every document and row to the end
    counts    complete, and as many documents or rows as the server has (or had)
    restored  really restored into a scratch database, compared by digests, and dropped
    """
    context = _context(door)
    place, asked = _find(context, path, newest), Level(level)
    if asked is Level.RESTORED:
        name = _database(door, place)
        door.guard.permit(Act(f"restore a backup into a scratch database on the server of {name}", name))
    age = timedelta(hours=max_age_hours) if max_age_hours else None
    found = _run(context, judge(context, place, asked, against=Against(against), max_age=age))
    code = ExitCode.DONE if found.ok else ExitCode.NEGATIVE
    problems = () if found.ok else (Problem(f"backup_{found.finding}", found.reason, found.remedy),)
    return Answer(verdict_keys(found), lambda console: print_judgement(console, found), code, problems)


@door_command(command, "restore")
@click.argument("path")
@click.option("--into", metavar="DATABASE", required=True, help="An empty database, or one that does not exist yet.")
@click.option("--no-owner", is_flag=True, help="Leave ownership and grants out (PostgreSQL).")
def _restore(door: Door, path: str, into: str, no_owner: bool) -> Answer:
    """Restore a backup into an empty database and compare every table or collection; confirmed by its typed name."""
    context = _context(door)
    place = _find(context, path, None)
    if not into.strip() or len(into.encode()) > 63:
        raise usage_error("restore_into", "--into names no database", "Give a name of 1 to 63 bytes")
    door.guard.permit(Act(f"restore {place.name} into the database {into}", into, always_typed=True))
    found = _run(context, restore(context, place, into, owner=not no_owner))
    problems: tuple[Problem, ...] = ()
    if not found.ok:
        why = "; ".join(each.words("in the backup", "restored") for each in found.differences[:5])
        remedy = f"Do not use {into}: drop it, and restore another backup"
        problems = (Problem("restore_differs", f"what was restored is not what was saved: {why}", remedy),)
    code = ExitCode.DONE if found.ok else ExitCode.NEGATIVE
    return Answer(restored_keys(found), lambda console: print_restored(console, found), code, problems)


@door_command(command, "adopt")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--database", metavar="NAME", help="Of which database it is, where it does not say so.")
def _adopt(door: Door, path: Path, database: str | None) -> Answer | int:
    """Read a dump that was made elsewhere, whole, and give it a manifest so that it can be judged and restored."""
    context = _context(door)
    try:
        manifest = _run(context, adopt(context, path, database))
    except Unsound as error:
        keys = {"path": path, "level": Level.NONE, "counts": {}, "sha256": None, "verdict": error.finding}
        keys |= {"reason": error.reason, "age_seconds": None}
        problem = Problem(f"backup_{error.finding}", error.reason, error.remedy)
        return Answer(keys, lambda console: None, ExitCode.NEGATIVE, (problem,))
    return Answer(manifest_keys(path, manifest), lambda console: print_taken(console, path, manifest))


@door_command(command, "list")
@click.option("--out", "folder", type=click.Path(path_type=Path), metavar="DIR", help="List this folder instead.")
def _list(door: Door, folder: Path | None) -> Answer:
    """Backups on the shelf and those known elsewhere, newest first, with the level each has reached."""
    shelf = folder or _context(door).shelf
    found, unfinished = entries(shelf), partials(shelf)
    return Answer(list_keys(shelf, found, unfinished), lambda console: print_list(console, shelf, found, unfinished))


def _context(door: Door) -> Context:
    return backup_context(door.effective.settings, door.narrate)


def _database(door: Door, place: Path) -> str:
    """What is typed to confirm on production: the configured database of the backup's kind."""
    settings = door.effective.settings
    return (
        settings.mongo.database if require_manifest(place).kind is Kind.MONGO else Target(settings.postgres).database()
    )


def _find(context: Context, given: str | None, newest: str | None) -> Path:
    """The backup that is meant: a path, a name on the shelf, a folder of backups (its newest), or a kind's newest."""
    if (given is None) == (newest is None):
        raise usage_error("backup_which", "say which backup: PATH or --newest", "See devora-console backup list")
    if newest is not None:
        return _newest(context.shelf, Kind(newest))
    path = Path(given or "")
    if not path.exists() and path.name == given and (context.shelf / path).exists():
        return context.shelf / path
    if path.is_dir() and not (path / "backup.json").exists():
        inside = [each for each in entries(path) if each.manifest]
        kinds = {each.manifest.kind for each in inside if each.manifest}
        if len(kinds) == 1:
            return inside[0].path
        if kinds:
            raise usage_error(
                "backup_which", f"{one_line(str(path), 160)} has backups of both servers", "Name one of them"
            )
    return path


def _newest(shelf: Path, kind: Kind) -> Path:
    for each in entries(shelf):
        if each.manifest is not None and each.manifest.kind is kind:
            return each.path
    raise usage_error(
        "backup_none",
        f"there is no backup of {kind} in {one_line(str(shelf), 160)}",
        f"Take one: devora-console backup {kind}",
    )


def _run(context: Context, work: Coroutine[Any, Any, T]) -> T:
    """Run to the end. The first end signal stops it: programs are ended, what is half-written is put away."""

    async def whole() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def end() -> None:
            context.stop.set()
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, end)
        try:
            return await task
        except asyncio.CancelledError:
            raise interrupted() from None

    return asyncio.run(whole())
