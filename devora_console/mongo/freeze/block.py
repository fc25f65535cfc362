"""The commands that block and unblock, each read back. No mongod was at hand: they follow the manual of 4.4 to 8.0."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from pymongo.errors import OperationFailure

from devora_console.core.problems import ConsoleError, refused
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze.roles import Role, UserPlan, plan, roles_of, set_roles, writable
from devora_console.mongo.freeze.server import Account, Client, said

# What a server says of setUserWriteBlockMode where roles have to do: not permitted, a standalone or an older feature
# compatibility version, no such command.
_NO_BLOCK_MODE = frozenset({13, 20, 59, 76, 115})
_ON = 2
_PATIENCE_SECONDS = 10.0
_MOST_USERS = 200


def write_block(client: Client) -> bool | Unknown:
    """Whether users' writes are blocked now (``repl.userWriteBlockMode`` of serverStatus: 1 off, 2 on)."""
    try:
        mode = (client.admin.command("serverStatus", repl=1).get("repl") or {}).get("userWriteBlockMode")
    except OperationFailure as error:
        return Unknown(f"serverStatus is refused: {said(error)}", "Grant the role clusterMonitor")
    return mode == _ON if mode in (1, _ON) else Unknown("the server does not tell whether it blocks writes")


def set_write_block(client: Client, *, on: bool) -> Unknown | None:
    """Block all users' writes, or let them again; why this server cannot, if it cannot. Read back.

    Raises ConsoleError (exit 4) when it says ok and does not do it.
    """
    try:
        client.admin.command({"setUserWriteBlockMode": 1, "global": on})
    except OperationFailure as error:
        if error.code in _NO_BLOCK_MODE:
            return Unknown(f"setUserWriteBlockMode is refused: {said(error)}", "Grant restore or hostManager")
        raise
    end = time.monotonic() + _PATIENCE_SECONDS
    while (now := write_block(client)) is (not on) and time.monotonic() < end:
        time.sleep(0.2)
    if now is (not on):
        verb = "block" if on else "allow"
        raise refused("write_block", f"the server was told to {verb} writes, says ok, and does not", "Look at its log")
    return None


def plan_users(client: Client, accounts: Sequence[Account], database: str, named: Sequence[Account]) -> list[UserPlan]:
    """What each user's roles become; ``named`` are those that a person named.

    Raises ConsoleError (exit 4) for a user that does not exist, or a role that is not to be guessed.
    """
    plans = []
    for account in accounts:
        user = user_of(client, account)
        if user is None:
            raise refused("freeze_user", f"there is no user {account}", "Name it as --app-user NAME@DATABASE")
        wanted = [role.document() for role in roles_of(user)]
        told = client.admin.command("rolesInfo", wanted, showPrivileges=True).get("roles") if wanted else []
        plans.append(plan(user, told or [], database, named=account in named))
    return plans


def user_of(client: Client, account: Account) -> dict[str, Any] | None:
    """The user's document, with what its roles allow."""
    asked = {"user": account.user, "db": account.db}
    found = client[account.db].command("usersInfo", asked, showPrivileges=True).get("users") or []
    return dict(found[0]) if found else None


def give(client: Client, account: Account, wanted: Sequence[Role]) -> None:
    """Give a user exactly these roles, and read them back. Raises ConsoleError (exit 4) when it has others then."""
    database, command = set_roles(account, wanted)
    client[database].command(command)
    user = user_of(client, account)
    if user is None or set(roles_of(user)) != set(wanted):
        raise _not_done(account)


def still_writes(client: Client, account: Account, database: str) -> tuple[str, ...]:
    """What of the database a user may write, read from the server."""
    user = user_of(client, account)
    return () if user is None else writable(user.get("inheritedPrivileges") or (), database)


def other_writers(client: Client, accounts: Sequence[Account], database: str) -> tuple[str, ...]:
    """Who else may write to the database, in words: they are not the application's users and are left alone."""
    try:
        everybody = client.admin.command("usersInfo", {"forAllDBs": True}).get("users") or []
        found = [Account(str(each["user"]), str(each["db"])) for each in everybody[:_MOST_USERS]]
        others = [each for each in found if each not in accounts and still_writes(client, each, database)]
    except OperationFailure as error:
        return (f"whether other users may write is not known: {said(error)}",)
    more = [f"{len(everybody) - _MOST_USERS} further users were not looked at"] if len(everybody) > _MOST_USERS else []
    named = [f"may still write, as no user of the application: {', '.join(map(str, others))}"] if others else []
    return (*named, *more)


def _not_done(account: Account) -> ConsoleError:
    return refused(
        "freeze_roles",
        f"the server says ok and {account} has other roles than it was given",
        "Look at the server's log",
    )
