"""Freeze the source: write down what is there, block, read back, and believe only what the canary meets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from devora_console.core.clock import iso, utc_now
from devora_console.core.problems import refused, usage_error
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze import block, book
from devora_console.mongo.freeze.book import Book, How, State
from devora_console.mongo.freeze.canary import Canary, Outcome, attempt, try_write
from devora_console.mongo.freeze.server import Account, Client, Login, Server, connected, examine, same_server

Tell = Callable[[str], None]
MAINTENANCE = Unknown(
    "nothing on the server refuses the application's writes: its maintenance mode is the freeze",
    "Silence is the only proof: source silence --seconds N --record FILE",
)


@dataclass(frozen=True, slots=True)
class Order:
    """What to freeze. ``admin`` blocks, ``app`` are the application's own credentials. ``place`` says where the record
    is, for a server's identity; ``users`` (NAME or NAME@DATABASE) are named by a person, besides the one ``app`` logs
    in as. ``maintenance``: a person says that the application's maintenance mode is the freeze."""

    admin: Login
    app: Login
    database: str
    timeout_seconds: float
    place: Callable[[str], Path]
    users: tuple[str, ...] = ()
    maintenance: bool = False


@dataclass(frozen=True, slots=True)
class Frozen:
    """What came of it. ``control`` is the canary before the block: refused already then, it proves nothing of it."""

    frozen: bool | Unknown
    how: How
    record: Path
    canary: Canary | None
    control: Canary | None
    book: Book
    notes: tuple[str, ...]


def freeze(order: Order, tell: Tell) -> Frozen:
    """Freeze, or say why it is not frozen. Raises ConsoleError; with exit 4 nothing was blocked by this call."""
    with connected(order.admin, order.timeout_seconds) as client:
        server = examine(client, order.database)
        path = order.place(server.identity)
        standing = book.earlier(path, server.identity, order.database)
        app = _application(order, server)
        if standing is not None:
            tell(f"{path} records a freeze ({standing.state}): it is gone on with, what was there before is kept")
            _require_the_same(standing, app, path)
            control, planned, reason = None, standing, ""
        else:
            control = try_write(order.app, order.database, order.timeout_seconds)
            planned, reason = _plan(client, server, order, app)
        if planned.how in (How.NOTHING, How.MAINTENANCE):
            return _without_block(order, planned, path, control, reason)
        if standing is None:
            planned = planned.write(path)  # on disk before the first command
        tell(f"recorded in {path}")
        planned = _carry_out(client, server, planned, order, app, path, tell)
        left = [f"{each.account} may still write {', '.join(still)}" for each in planned.users
                if (still := block.still_writes(client, each.account, order.database))]  # fmt: skip
        others = block.other_writers(client, app, order.database) if planned.how is How.ROLES else ()
    canary = attempt(order.app, order.database, order.timeout_seconds)
    notes = (*planned.notes, *left, *others, *_doubt(control), *_bypassed(planned, canary))
    return Frozen(_verdict(canary, left), planned.how, path, canary, control, planned, notes)


def _application(order: Order, server: Server) -> tuple[Account, ...]:
    """The application's users: as its own connection is logged in, and those that were named."""
    with connected(order.app, order.timeout_seconds) as client:
        found = examine(client, order.database)
    if not same_server(server, found):
        raise usage_error(
            "freeze_two_servers",
            f"{order.admin.key} leads to {server.identity}, {order.app.key} to {found.identity}",
            "Have both name the same server",
        )
    return tuple(dict.fromkeys((*found.accounts, *(_account(each) for each in order.users))))


def _account(text: str) -> Account:
    user, at, db = text.rpartition("@")
    return Account(user, db) if at and user and db else Account(text.strip("@"), "admin")


def _require_the_same(standing: Book, app: tuple[Account, ...], path: Path) -> None:
    """A record holds one freeze: further users need one of their own, or this one taken back first."""
    missing = [each for each in app if each not in {plan.account for plan in standing.users}]
    if standing.how is How.ROLES and missing:
        raise refused(
            "freeze_standing",
            f"{path} records a freeze that does not hold {', '.join(map(str, missing))}",
            "Take it back first (source unfreeze), or name another --record",
        )


def _plan(client: Client, server: Server, order: Order, app: tuple[Account, ...]) -> tuple[Book, str]:
    """The freeze as it will be recorded, or why there cannot be one."""
    blank = Book(server.identity, order.database, How.NOTHING, State.INTENDED, iso(utc_now()))
    if server.invents:
        return blank, "this server answers ok to commands that it does not know: no block of it can be believed"
    if server.blocks_writes:
        before = block.write_block(client)
        if not isinstance(before, Unknown):
            return replace(blank, how=How.WRITE_BLOCK, write_block_before=before), ""
        blank = replace(blank, notes=(f"roles are taken instead of setUserWriteBlockMode: {before.reason}",))
    return _plan_roles(client, server, order, app, blank)


def _plan_roles(
    client: Client, server: Server, order: Order, app: tuple[Account, ...], blank: Book
) -> tuple[Book, str]:
    if not app:
        return blank, "the application logs in as nobody, so there is no user whose writes could be stopped"
    ourselves = [each for each in app if each in server.accounts]
    if ourselves:
        raise refused(
            "freeze_ourselves",
            f"{ourselves[0]} is the application's user and the one that would have to take the freeze back",
            "Set mongo.admin_url to another user that has userAdminAnyDatabase",
        )
    plans = block.plan_users(client, app, order.database, [_account(each) for each in order.users])
    notes = tuple(dict.fromkeys((*blank.notes, *(note for each in plans for note in each.notes))))
    if not any(each.changes for each in plans):
        words = ", ".join(str(each.account) for each in plans)
        return blank, f"no role of {words} writes to {order.database}: there is nothing to take away"
    return replace(blank, how=How.ROLES, users=tuple(plans), notes=notes), ""


def _carry_out(
    client: Client, server: Server, planned: Book, order: Order, app: tuple[Account, ...], path: Path, tell: Tell
) -> Book:
    """Block as the record says; where the server refuses its own mode, by roles, recorded first as well."""
    if planned.how is How.WRITE_BLOCK:
        tell("setUserWriteBlockMode: global true")
        cannot = block.set_write_block(client, on=True)
        if cannot is None:
            return planned.write(path, State.BLOCKED)
        tell(f"{cannot.reason}; roles instead")
        planned.write(path, State.NOT_BLOCKED)
        blank = replace(planned, how=How.NOTHING, write_block_before=None, state=State.INTENDED)
        planned, reason = _plan_roles(client, server, order, app, blank)
        if planned.how is not How.ROLES:
            raise refused("freeze_cannot", f"{cannot.reason}; {reason}", cannot.remedy)
        planned.write(path)
    for each in planned.users:
        if each.changes:
            tell(f"{each.account}: {_words(each.after)} instead of {_words(each.before)}")
            block.give(client, each.account, each.after)
    return planned.write(path, State.BLOCKED)


def _words(roles: tuple[object, ...]) -> str:
    return ", ".join(map(str, roles)) or "no role"


def _without_block(order: Order, planned: Book, path: Path, control: Canary | None, reason: str) -> Frozen:
    """Nothing can be blocked: the application's maintenance mode is the freeze, if a person says so. An application
    that could not write before either is frozen already."""
    already = control is not None and control.frozen is True
    how = How.MAINTENANCE if order.maintenance and not already else How.NOTHING
    kept = replace(planned, how=how, state=State.NOT_BLOCKED, notes=(reason,)).write(path)
    frozen: bool | Unknown = MAINTENANCE if how is How.MAINTENANCE else already
    return Frozen(frozen, how, path, control, None, kept, (reason,))


def _verdict(canary: Canary, left: list[str]) -> bool | Unknown:
    if canary.frozen is None:
        return Unknown(canary.words, "Try again: source canary")
    return canary.frozen and not left


def _bypassed(planned: Book, canary: Canary) -> tuple[str, ...]:
    if planned.how is not How.WRITE_BLOCK or canary.outcome is not Outcome.WENT_THROUGH:
        return ()
    return ("the server blocks writes, and the application's user passes by it: roles such as root and restore do",)


def _doubt(control: Canary | None) -> tuple[str, ...]:
    if control is None or control.outcome is not Outcome.REFUSED:
        return ()
    return ("the canary was refused before anything was blocked already: it says nothing of this block",)
