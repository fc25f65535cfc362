"""Take a freeze back, exactly as its record says, and read back that it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devora_console.core.clock import iso, utc_now
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze import block, book
from devora_console.mongo.freeze.book import Book, How, State
from devora_console.mongo.freeze.canary import Canary, Outcome, attempt
from devora_console.mongo.freeze.freezing import Order, Tell
from devora_console.mongo.freeze.roles import roles_of, undone
from devora_console.mongo.freeze.server import Client, connected, examine


@dataclass(frozen=True, slots=True)
class Thawed:
    """What was done. ``left`` is what could not be undone, in words; with nothing left, the record says undone."""

    book: Book
    record: Path
    done: tuple[str, ...]
    left: tuple[str, ...]
    canary: Canary | None


def unfreeze(order: Order, tell: Tell, *, if_recorded: bool = False) -> Thawed:
    """Undo what the record says, whether or not the block came to be. Again: nothing more is done.

    Raises ConsoleError; exit 2 when there is no record, as then it is not known what was there before. With
    ``if_recorded`` that is a freeze that never came to block anything: it is recorded before. The application's write
    has to go through then.
    """
    with connected(order.admin, order.timeout_seconds) as client:
        server = examine(client, order.database)
        path = order.place(server.identity)
        never = if_recorded and not path.exists()
        found = _nothing(server.identity, order.database) if never else book.read(path)
        book.require_same(found, path, server.identity, order.database)
        done: tuple[str, ...]
        left: tuple[str, ...]
        if never:
            done, left = (f"there is no record {path}: nothing was blocked",), ()
        elif not found.standing:
            words = "it was undone before" if found.state is State.UNDONE else "nothing was blocked"
            done, left = (f"{words} ({found.at}): nothing to do",), ()
        else:
            tell(f"{path}: {found.state}, by {found.how}, {found.at}")
            done, left = _undo(client, found)
        if found.standing and not left:
            found = found.write(path, State.UNDONE)
    canary = attempt(order.app, order.database, order.timeout_seconds)
    if canary.outcome is Outcome.REFUSED:
        left = (*left, f"the application still cannot write: {canary.words}")
    elif never and canary.outcome is not Outcome.WENT_THROUGH:
        left = (*left, f"whether the application may write is not known: {canary.words}")
    return Thawed(found, path, done, left, canary)


def _nothing(server: str, database: str) -> Book:
    return Book(server, database, How.NOTHING, State.NOT_BLOCKED, iso(utc_now()))


def _undo(client: Client, found: Book) -> tuple[tuple[str, ...], tuple[str, ...]]:
    done, left = _undo_mode(client, found) if found.how is How.WRITE_BLOCK else ([], [])
    for each in found.users:
        user = block.user_of(client, each.account)
        if user is None:
            left.append(f"there is no user {each.account} any more")
            continue
        now = roles_of(user)
        wanted = undone(each.before, each.after, now)
        if set(wanted) == set(now):
            done.append(f"{each.account} has its roles: {_words(now)}")
        else:
            block.give(client, each.account, wanted)
            done.append(f"{each.account}: {_words(now)} became {_words(wanted)}")
        if set(wanted) != set(each.before):
            done.append(f"{each.account} had {_words(each.before)} before; what others changed since then was kept")
    return tuple(done), tuple(left)


def _undo_mode(client: Client, found: Book) -> tuple[list[str], list[str]]:
    if found.write_block_before:
        return ["writes were blocked before the freeze already: they stay blocked"], []
    if block.write_block(client) is False:
        return ["the server does not block writes"], []
    cannot: Unknown | None = block.set_write_block(client, on=False)
    return (["the server lets users write again"], []) if cannot is None else ([], [cannot.reason])


def _words(roles: tuple[object, ...]) -> str:
    return ", ".join(map(str, roles)) or "no role"
