"""Which roles let a user write, what to give instead, and back: pure functions of what MongoDB tells.

Written to the replies of ``usersInfo`` and ``rolesInfo`` (with ``showPrivileges``) that the manual documents for 4.4
to 8.0. They are tested against such replies; no mongod was at hand to run the commands on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from devora_console.core.problems import ConsoleError, refused
from devora_console.core.safetext import one_line
from devora_console.mongo.freeze.server import Account

T = TypeVar("T")

# What changes documents, or makes, drops or renames what holds them; a TTL index or a collMod deletes by itself.
_DOCUMENTS = {"insert", "update", "remove", "anyAction"}
_COLLECTIONS = {"createCollection", "dropCollection", "dropDatabase", "renameCollectionSameDB", "convertToCapped"}
WRITES = frozenset(_DOCUMENTS | _COLLECTIONS | {"emptycapped", "createIndex", "collMod", "applyOps", "internal"})
_GRANTS = frozenset({"grantRole", "anyAction"})


@dataclass(frozen=True, slots=True, order=True)
class Role:
    """A role by name and the database that it belongs to."""

    role: str
    db: str

    def __str__(self) -> str:
        return one_line(f"{self.role}@{self.db}", 120)

    def document(self) -> dict[str, str]:
        """As commands and records write it."""
        return {"role": self.role, "db": self.db}


@dataclass(frozen=True, slots=True)
class UserPlan:
    """A user's roles before the freeze and during it; ``notes`` are what a person should know of the change."""

    account: Account
    before: tuple[Role, ...]
    after: tuple[Role, ...]
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether it could write at all."""
        return set(self.before) != set(self.after)


def roles_of(user: Mapping[str, Any]) -> tuple[Role, ...]:
    """The roles that were granted to a user itself, of a document of ``usersInfo``."""
    return tuple(Role(str(each["role"]), str(each["db"])) for each in user.get("roles") or ())


def plan(
    user: Mapping[str, Any], roles: Iterable[Mapping[str, Any]], database: str, *, named: bool = False
) -> UserPlan:
    """What the user's roles become so that nothing in ``database`` can be written, and still everything read.

    ``roles`` are the documents of ``rolesInfo`` for its roles. A role of the site's own that writes is only replaced
    for a user that a person ``named``; otherwise this raises ConsoleError (exit 4), as it does for a role that the
    server does not explain.
    """
    account = Account(str(user["user"]), str(user["db"]))
    told = {Role(str(each["role"]), str(each["db"])): each for each in roles}
    before = roles_of(user)
    after: list[Role] = []
    notes: list[str] = []
    for role in before:
        if role not in told:
            raise _unexplained(account, role)
        privileges = _privileges(told[role])
        if any(_grants(each, database) for each in privileges):
            notes.append(f"{role} lets {account} grant roles, also to itself: nobody may use it during the freeze")
        if not any(writes(each, database) for each in privileges):
            after.append(role)
            continue
        if not told[role].get("isBuiltin") and not named:
            raise _own_role(account, role)
        after.extend(_reading(privileges, database))
        if any(writes(each, None) for each in privileges):
            notes.append(f"{role} also lets {account} write to other databases: that stops too")
    return UserPlan(account, before, _unique(after), _unique(notes))


def undone(before: Sequence[Role], after: Sequence[Role], now: Sequence[Role]) -> tuple[Role, ...]:
    """The roles after the freeze is taken back: what it took away is there again, what it gave is gone.

    Roles that somebody else granted or revoked in the meantime stay so. When nobody did, these are ``before``.
    """
    if set(now) == set(after) or set(now) == set(before):
        return tuple(before)
    given = set(after) - set(before)
    kept = set(now) - given
    taken = [role for role in before if role in kept or role not in after]
    return _unique([*taken, *(role for role in now if role in kept)])


def set_roles(account: Account, roles: Iterable[Role]) -> tuple[str, dict[str, Any]]:
    """The database and the one command that gives a user exactly these roles: all at once, or not at all."""
    return account.db, {
        "updateUser": account.user,
        "roles": [role.document() for role in roles],
        "writeConcern": {"w": "majority", "wtimeout": 30_000},
    }


def writable(privileges: Iterable[Mapping[str, Any]], database: str) -> tuple[str, ...]:
    """What of ``database`` can be written with these privileges, in words; the whole of it is one entry."""
    return _unique(sorted(_where(each) for each in privileges if writes(each, database)))


def writes(privilege: Mapping[str, Any], database: str | None) -> bool:
    """Whether a privilege (resource, actions) changes anything in ``database``; None: in any database at all."""
    actions, resource = set(privilege.get("actions") or ()), privilege.get("resource") or {}
    if not actions & WRITES:
        return False
    if resource.get("anyResource"):
        return True
    if resource.get("cluster"):
        return bool(actions & {"applyOps", "anyAction", "internal"})
    if str(resource.get("collection", "")).startswith("system."):
        return False  # a profile, a view's definition, JavaScript: no documents of the application
    where = resource.get("db", "")
    return where == "" if database is None else where in ("", database)


def _where(privilege: Mapping[str, Any]) -> str:
    resource = privilege.get("resource") or {}
    return one_line(str(resource.get("collection") or "every collection"), 120)


def _grants(privilege: Mapping[str, Any], database: str) -> bool:
    resource = privilege.get("resource") or {}
    where = resource.get("anyResource") or resource.get("db") in ("", "admin", database)
    return bool(where) and bool(_GRANTS & set(privilege.get("actions") or ()))


def _privileges(role: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = role.get("inheritedPrivileges") or role.get("privileges") or ()
    return [each for each in found if isinstance(each, Mapping)]


def _reading(privileges: Iterable[Mapping[str, Any]], database: str) -> tuple[Role, ...]:
    """What lets read on, without writing, whoever could read before."""
    read = [each for each in privileges if {"find", "anyAction"} & set(each.get("actions") or ())]
    places = [each.get("resource") or {} for each in read]
    if any(where.get("anyResource") or where.get("db") == "" for where in places):
        return (Role("readAnyDatabase", "admin"),)
    if any(where.get("db") == database and not _is_system(where) for where in places):
        return (Role("read", database),)
    return ()


def _is_system(resource: Mapping[str, Any]) -> bool:
    return str(resource.get("collection", "")).startswith("system.")


def _unique(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))


def _own_role(account: Account, role: Role) -> ConsoleError:
    return refused(
        "freeze_own_role",
        f"{account} writes through {role}, a role of your own: what it is for is not guessed",
        f"Name the user to have it replaced by read: --app-user {account}",
    )


def _unexplained(account: Account, role: Role) -> ConsoleError:
    return refused(
        "freeze_role_unknown",
        f"{account} has {role}, and the server does not tell what that allows",
        "Give mongo.admin_url a user with userAdminAnyDatabase",
    )
