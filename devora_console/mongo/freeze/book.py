"""The record of a freeze: what was there before, on disk before anything is blocked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from devora_console.core.clock import iso, utc_now
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.mongo.freeze import records
from devora_console.mongo.freeze.roles import Role, UserPlan
from devora_console.mongo.freeze.server import Account


class How(StrEnum):
    """What keeps the application from writing."""

    WRITE_BLOCK = "write block"
    ROLES = "roles"
    MAINTENANCE = "maintenance"  # the application's own mode; nothing on the server
    NOTHING = "nothing"


class State(StrEnum):
    """How far it came. INTENDED: the block may or may not have happened."""

    INTENDED = "about to block"
    BLOCKED = "blocked"
    NOT_BLOCKED = "nothing blocked"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Book:
    """A freeze as recorded. ``write_block_before``: whether writes were blocked already; None where that is not how."""

    server: str
    database: str
    how: How
    state: State
    at: str
    users: tuple[UserPlan, ...] = ()
    write_block_before: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def standing(self) -> bool:
        """Whether there is something of it to take back."""
        return self.state in (State.INTENDED, State.BLOCKED)

    def write(self, path: Path, state: State | None = None) -> Book:
        """Put it on disk, in another state where one is given. Raises ConsoleError (exit 4)."""
        book = self if state is None else replace(self, state=state, at=iso(utc_now()))
        records.write(path, records.FREEZE, book.document())
        return book

    def document(self) -> dict[str, Any]:
        """As the record writes it."""
        return {
            "server": self.server,
            "database": self.database,
            "how": str(self.how),
            "state": str(self.state),
            "at": self.at,
            "write_block_before": self.write_block_before,
            "users": [
                {
                    "user": each.account.user,
                    "db": each.account.db,
                    "before": [role.document() for role in each.before],
                    "after": [role.document() for role in each.after],
                }
                for each in self.users
            ],
            "notes": list(self.notes),
        }


def read(path: Path) -> Book:
    """A freeze from its record. Raises ConsoleError (exit 2)."""
    told = records.read(path, records.FREEZE)
    try:
        before = told["write_block_before"]
        if before is not None and not isinstance(before, bool):
            raise ValueError("write_block_before")
        return Book(
            server=str(told["server"]),
            database=str(told["database"]),
            how=How(told["how"]),
            state=State(told["state"]),
            at=str(told["at"]),
            users=tuple(_user(each) for each in told["users"]),
            write_block_before=before,
            notes=tuple(str(each) for each in told["notes"]),
        )
    except (KeyError, TypeError, ValueError):
        raise records.damaged(path, records.FREEZE) from None


def _user(told: Mapping[str, Any]) -> UserPlan:
    account = Account(str(told["user"]), str(told["db"]))
    return UserPlan(account, _roles(told["before"]), _roles(told["after"]))


def _roles(told: list[Mapping[str, Any]]) -> tuple[Role, ...]:
    return tuple(Role(str(each["role"]), str(each["db"])) for each in told)


def earlier(path: Path, server: str, database: str) -> Book | None:
    """A freeze that still stands under this name: what was there before it must not be forgotten.

    Raises ConsoleError (exit 2) when the file is something else, or of another source.
    """
    if not path.exists():
        return None
    book = read(path)
    require_same(book, path, server, database)
    return book if book.standing else None


def require_same(book: Book, path: Path, server: str, database: str) -> None:
    """Raises ConsoleError (exit 2) when the record is of another source."""
    if (book.server, book.database) != (server, database):
        raise usage_error(
            "record_other",
            f"{one_line(str(path))} is of {one_line(book.server)}, and this is {one_line(server)}",
            "Name the source as it was named then (mongo.admin_url, MONGO_URL, DB_NAME), or another record",
        )
