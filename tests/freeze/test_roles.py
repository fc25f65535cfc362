"""Which roles go and which come back: on the replies that the manual documents."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devora_console.core.problems import ConsoleError
from devora_console.mongo.freeze.roles import Role, plan, set_roles, undone, writable
from devora_console.mongo.freeze.server import Account
from tests.freeze import replies

D = "devora_db"
ROLES = st.sampled_from(
    [
        *((name, db) for name in ("read", "readWrite", "dbAdmin", "dbOwner", "userAdmin") for db in (D, "logs")),
        *((f"{name}AnyDatabase", "admin") for name in ("read", "readWrite", "dbAdmin", "userAdmin")),
        *(("root", "admin"), ("backup", "admin"), ("clusterMonitor", "admin")),
    ]
)


def _plan(*roles: tuple[str, str]) -> tuple[Role, ...]:
    return plan(replies.user("devora", "admin", *roles), [replies.role(*each) for each in roles], D).after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([("readWrite", D)], [("read", D)]),
        ([("readWrite", D), ("readWrite", "logs")], [("read", D), ("readWrite", "logs")]),
        ([("dbOwner", D)], [("read", D)]),
        ([("readWrite", D), ("dbAdmin", D)], [("read", D)]),
        ([("readWriteAnyDatabase", "admin")], [("readAnyDatabase", "admin")]),
        ([("root", "admin")], [("readAnyDatabase", "admin")]),
        ([("__system", "admin")], [("readAnyDatabase", "admin")]),
        ([("read", D), ("backup", "admin")], [("read", D), ("backup", "admin")]),
        ([], []),
    ],
)
def test_what_becomes_of_roles(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    assert _plan(*before) == tuple(Role(*each) for each in after)


@given(st.lists(ROLES, unique=True, max_size=6))
def test_nothing_can_be_written_and_everything_read_on(roles: list[tuple[str, str]]) -> None:
    made = plan(replies.user("u", "admin", *roles), [replies.role(*each) for each in roles], D)
    held = [each for role in made.after for each in replies.privileges(role.role, role.db)]
    assert writable(held, D) == ()
    before = [each for role in roles for each in replies.privileges(*role)]

    def reads(privileges: list[dict[str, object]]) -> bool:
        return any(
            "find" in each["actions"]  # type: ignore[operator]
            and each["resource"] in ({"db": D, "collection": ""}, {"db": "", "collection": ""})
            for each in privileges
        )

    assert reads(held) is reads(before)
    assert made.changes is bool(writable(before, D))
    assert undone(made.before, made.after, made.after) == made.before
    assert undone(made.before, made.after, made.before) == made.before


some = st.lists(ROLES.map(lambda each: Role(*each)), unique=True, max_size=5)


@given(some, some, some, some)
def test_what_others_changed_meanwhile_stays(
    before: list[Role], after: list[Role], granted: list[Role], revoked: list[Role]
) -> None:
    mentioned = {*before, *after}
    more = [role for role in granted if role not in mentioned]
    less = {role for role in revoked if role in before and role in after}
    now = [role for role in (*after, *more) if role not in less]
    back = undone(before, after, now)
    if set(now) == set(before):
        assert back == tuple(before)
    else:
        assert set(back) == ({*before, *more} - less)
    assert len(set(back)) == len(back)


def test_roles_of_the_site() -> None:
    writes = replies.own_role("shop", D, replies.on(D, "orders", ["find", "insert"]))
    reads = replies.own_role("shop", D, replies.on(D, "orders", ["find"]), replies.on("logs", "", ["insert"]))
    owner = replies.user("devora", D, ("shop", D))
    assert plan(owner, [reads], D).after == (Role("shop", D),)
    with pytest.raises(ConsoleError, match="not guessed"):
        plan(owner, [writes], D)
    assert plan(owner, [writes], D, named=True).after == (Role("read", D),)
    with pytest.raises(ConsoleError, match="does not tell"):
        plan(owner, [], D)


def test_notes() -> None:
    made = plan(replies.user("u", "admin", ("root", "admin")), [replies.role("root", "admin")], D)
    assert "grant roles" in made.notes[0]
    assert "other databases" in made.notes[1]


def test_the_command() -> None:
    database, command = set_roles(Account("devora", "admin"), [Role("read", D)])
    assert database == "admin"
    assert next(iter(command)) == "updateUser"
    assert command["roles"] == [{"role": "read", "db": D}]
