"""``source freeze|unfreeze|canary|writers|silence``: keep writes out of MongoDB, and prove that none come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from devora_console.cli import source_view as view
from devora_console.cli.door import Answer, Door
from devora_console.cli.door import command as door_command
from devora_console.config.settings import MongoSettings
from devora_console.core.guard import Act
from devora_console.core.problems import ExitCode, Problem, usage_error
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze import records
from devora_console.mongo.freeze.book import How
from devora_console.mongo.freeze.canary import try_write
from devora_console.mongo.freeze.freezing import Order
from devora_console.mongo.freeze.freezing import freeze as do_freeze
from devora_console.mongo.freeze.server import ADMIN, Login
from devora_console.mongo.freeze.silence import Question, Silence, keep, watch_silence
from devora_console.mongo.freeze.thawing import unfreeze as do_unfreeze
from devora_console.mongo.freeze.writers import read_writers

_SECONDS = 10.0
_FILE = click.Path(path_type=Path, dir_okay=False)
INCONCLUSIVE = ExitCode.CONNECT  # neither yes nor no: the server does not tell


@click.group("source")
def command() -> None:
    """Keep writes out of MongoDB during the cutover, and prove that none come.

    As probes: exit code 0 is yes, 1 is no, anything else is inconclusive.
    """


@door_command(command, "freeze")
@click.option("--record", type=_FILE, metavar="FILE", help="Write down there, before blocking, what was before.")
@click.option("--app-user", "users", multiple=True, metavar="NAME[@DATABASE]", help="A user to block (repeatable).")
@click.option("--maintenance-is-the-freeze", "maintenance", is_flag=True, help="Accept that nothing can be blocked.")
def _freeze(door: Door, record: Path | None, users: tuple[str, ...], maintenance: bool) -> Answer:
    """Block the application's writes, and believe it when a write as the application is refused.

    A replica set of MongoDB 6.0 or later refuses the writes of all users; elsewhere the application's users read only.
    Exit code 1: not frozen. A server that cannot block leaves the application's maintenance mode as the freeze, which
    --maintenance-is-the-freeze accepts: then 'source silence' is the only proof.
    """
    order = _order(door, record)
    door.guard.permit(Act(f"freeze the writes to database {order.database}", order.database))
    found = do_freeze(replace(order, users=users, maintenance=maintenance), door.narrate)
    code = ExitCode.DONE if found.how is How.MAINTENANCE else _code(found.frozen)
    return Answer(view.frozen_keys(found), lambda out: view.print_frozen(out, found), code, view.frozen_problems(found))


@door_command(command, "unfreeze")
@click.option("--record", type=_FILE, metavar="FILE", help="The record that 'source freeze' wrote.")
@click.option("--if-recorded", is_flag=True, help="Without a record nothing was blocked, if the application may write.")
def _unfreeze(door: Door, record: Path | None, if_recorded: bool) -> Answer:
    """Undo a freeze exactly as its record says, and read it back; again it does nothing more.

    A freeze is recorded before it blocks. One that failed earlier has left no record, and there is nothing to undo:
    --if-recorded accepts that, where the record's path is sure.
    """
    order = _order(door, record)
    door.guard.permit(Act(f"let the application write to database {order.database} again", order.database))
    found = do_unfreeze(order, door.narrate, if_recorded=if_recorded)
    code = ExitCode.NEGATIVE if found.left else ExitCode.DONE
    problems = tuple(Problem("unfreeze_left", each, "Mend it, and run it again") for each in found.left)
    return Answer(view.thawed_keys(found), lambda out: view.print_thawed(out, found), code, problems)


@door_command(command, "canary")
def _canary(door: Door) -> Answer:
    """Write one document as the application would (mongo.app_url), and remove it again.

    Exit code 0: the write is refused, so the source is frozen. 1: it went through.
    """
    mongo = door.effective.settings.mongo
    door.guard.permit(Act(f"try a write to database {mongo.database}", mongo.database))
    found = try_write(_app(mongo), mongo.database, mongo.server_selection_timeout_seconds)
    keys = {"frozen": view.known(found.frozen, found.words), "canary": found}
    code = INCONCLUSIVE if found.frozen is None else _code(found.frozen)
    return Answer(keys, lambda out: view.print_canary(out, found), code)


@door_command(command, "writers")
def _writers(door: Door) -> Answer:
    """List writes and transactions under way, and who is connected. Exit code 0: none is under way."""
    mongo = door.effective.settings.mongo
    found = read_writers(_admin(mongo), mongo.database, mongo.server_selection_timeout_seconds)
    if isinstance(found.operations, Unknown):
        code = INCONCLUSIVE
    else:
        code = ExitCode.NEGATIVE if found.operations else ExitCode.DONE
    return Answer({"writers": found}, lambda out: view.print_writers(out, found), code)


@door_command(command, "silence")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 86_400),
    metavar="N",
    help=f"Seconds between two readings: {_SECONDS:g} unless given; with --against alone it is read once.",
)
@click.option("--record", type=_FILE, metavar="FILE", help="Keep the digests in this file when it was silent.")
@click.option("--against", type=_FILE, metavar="FILE", help="Compare with such a record.")
def _silence(door: Door, seconds: float | None, record: Path | None, against: Path | None) -> Answer:
    """Read every document, wait, read again: equal digests and counters that stand still are silence.

    Exit code 1 names the collections that were written to. With --against they are compared with a record: that tells
    whether a write came after it.
    """
    mongo = door.effective.settings.mongo
    asked = Question(_url(mongo), mongo.database, mongo.server_selection_timeout_seconds)
    if record is not None:
        records.check(record, records.SILENCE)
    wait = (0.0 if against is not None else _SECONDS) if seconds is None else seconds
    found = watch_silence(asked, wait, door.narrate, against)
    problems = _keep(door, found, record) if record is not None else ()
    return Answer(
        {**view.silence_keys(found), "record": record if record is not None and found.silent is True else None},
        lambda out: view.print_silence(out, found),
        _code(found.silent),
        problems,
    )


def _keep(door: Door, found: Silence, record: Path) -> tuple[Problem, ...]:
    """Write the record where it was asked for, and where the gate source.silent looks for the newest."""
    if found.silent is not True:
        words = f"{record} was not written: only the digests of a silent source are kept"
        return (Problem("silence_not_kept", words, "Freeze the source first"),)
    keep(found, record)
    keep(found, records.default_path(door.effective.settings, records.SILENCE, found.reading.server))
    return ()


def _order(door: Door, record: Path | None) -> Order:
    settings = door.effective.settings
    mongo = settings.mongo

    def place(server: str) -> Path:
        return record or records.default_path(settings, records.FREEZE, server)

    return Order(_admin(mongo), _app(mongo), mongo.database, mongo.server_selection_timeout_seconds, place)


def _url(mongo: MongoSettings) -> Login:
    if mongo.url is None:
        raise usage_error("mongo_missing", "no MongoDB is configured", "Set MONGO_URL")
    return Login(mongo.url, "MONGO_URL")


def _admin(mongo: MongoSettings) -> Login:
    return _url(mongo) if mongo.admin_url is None else Login(mongo.admin_url, ADMIN)


def _app(mongo: MongoSettings) -> Login:
    return _url(mongo) if mongo.app_url is None else Login(mongo.app_url, "mongo.app_url")


def _code(verdict: bool | Unknown) -> ExitCode:
    if isinstance(verdict, Unknown):
        return INCONCLUSIVE
    return ExitCode.DONE if verdict else ExitCode.NEGATIVE
