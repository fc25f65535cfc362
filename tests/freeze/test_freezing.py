"""Freeze and unfreeze where users and roles exist: against the stand-in of :mod:`tests.freeze.double`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devora_console.config.secret import Dsn
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze import book
from devora_console.mongo.freeze.book import How, State
from devora_console.mongo.freeze.canary import Outcome, try_write
from devora_console.mongo.freeze.freezing import Frozen, Order, freeze
from devora_console.mongo.freeze.server import ADMIN, Login
from devora_console.mongo.freeze.thawing import Thawed, unfreeze
from tests.freeze import replies
from tests.freeze.double import Double, serving

APP = ("devora", "devora_db")
WRITES = [{"role": "readWrite", "db": "devora_db"}]
READS = [{"role": "read", "db": "devora_db"}]


def _order(double: Double, record: Path, users: tuple[str, ...] = ()) -> Order:
    admin, app = double.urls()
    return Order(Login(Dsn(admin), ADMIN), Login(Dsn(app), "app"), "devora_db", 2.0, lambda server: record, users)


def _app(double: Double) -> Login:
    return Login(Dsn(double.urls()[1]), "mongo.app_url")


def _freeze(double: Double, record: Path, users: tuple[str, ...] = ()) -> Frozen:
    return freeze(_order(double, record, users), lambda line: None)


def _unfreeze(double: Double, record: Path) -> Thawed:
    return unfreeze(_order(double, record), lambda line: None)


def test_roles_there_and_back(tmp_path: Path) -> None:
    record = tmp_path / "deep" / "freeze.json"
    with serving(Double()) as double:
        found = _freeze(double, record)
        assert (found.frozen, found.how) == (True, How.ROLES)
        assert found.control is not None
        assert found.control.outcome is Outcome.WENT_THROUGH
        assert found.canary is not None
        assert (found.canary.outcome, found.canary.code) == (Outcome.REFUSED, 13)
        assert double.users[APP] == READS
        assert double.collections == {}
        assert record.stat().st_mode & 0o777 == 0o600
        again = _freeze(double, record)
        assert (again.frozen, again.control) == (True, None)
        assert book.read(record).users[0].before[0].role == "readWrite"  # not what the first freeze made of it
        thawed = _unfreeze(double, record)
        assert (thawed.left, thawed.book.state) == ((), State.UNDONE)
        assert double.users[APP] == WRITES
        double.users[APP] = READS  # somebody decides so afterwards: that is not undone again
        assert "undone before" in _unfreeze(double, record).done[0]
        assert double.users[APP] == READS


def test_the_mode_of_a_replica_set(tmp_path: Path) -> None:
    record = tmp_path / "freeze.json"
    with serving(Double(replica_set=True)) as double:
        found = _freeze(double, record)
        assert (found.frozen, found.how, double.blocked) == (True, How.WRITE_BLOCK, True)
        assert found.canary is not None
        assert found.canary.code == 371
        assert double.users[APP] == WRITES
        assert _unfreeze(double, record).left == ()
        assert not double.blocked
        double.blocked = True  # by somebody else, before: it stays
        assert _freeze(double, record).notes[-1].startswith("the canary was refused")
        thawed = _unfreeze(double, record)
        assert double.blocked
        assert "still cannot write" in thawed.left[0]


def test_roles_where_the_mode_is_refused(tmp_path: Path) -> None:
    with serving(Double(replica_set=True)) as double:
        double.refuses_block_mode = True
        found = _freeze(double, tmp_path / "f")
        assert (found.frozen, found.how, double.users[APP]) == (True, How.ROLES, READS)
        assert _unfreeze(double, tmp_path / "f").left == ()
        assert double.users[APP] == WRITES


@pytest.mark.parametrize("when", ["die_at", "die_after"])
@pytest.mark.parametrize("replica_set", [False, True])
def test_a_death_between_record_and_block(tmp_path: Path, when: str, replica_set: bool) -> None:
    record = tmp_path / "freeze.json"
    with serving(Double(replica_set=replica_set)) as double:
        setattr(double, when, "setUserWriteBlockMode" if replica_set else "updateUser")
        with pytest.raises(ConsoleError) as caught:
            _freeze(double, record)
        assert caught.value.exit_code is ExitCode.CONNECT
        assert book.read(record).state is State.INTENDED
        assert (double.blocked or double.users[APP] == READS) is (when == "die_after")
        double.die_at = double.die_after = ""
        thawed = _unfreeze(double, record)
        assert (thawed.left, thawed.book.state) == ((), State.UNDONE)
        assert (double.blocked, double.users[APP]) == (False, WRITES)
        assert thawed.canary is not None
        assert thawed.canary.outcome is Outcome.WENT_THROUGH


def test_what_cannot_be_recorded_is_not_blocked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with serving(Double()) as double:
        for place, code in ((tmp_path / "file" / "x", ExitCode.REFUSED), (tmp_path / "file", ExitCode.USAGE)):
            with pytest.raises(ConsoleError) as caught:
                _freeze(double, place)
            assert caught.value.exit_code is code
        assert double.users[APP] == WRITES
        assert "updateUser" not in double.seen
    assert (tmp_path / "file").read_text() == "mine"


def test_refusals(tmp_path: Path) -> None:
    with serving(Double()) as double:
        double.own_roles["shop", "devora_db"] = [replies.on("devora_db", "orders", ["find", "insert"])]
        double.users[APP] = [{"role": "shop", "db": "devora_db"}]
        with pytest.raises(ConsoleError, match="role of your own") as caught:
            _freeze(double, tmp_path / "f")
        assert caught.value.exit_code is ExitCode.REFUSED
        found = _freeze(double, tmp_path / "f", ("devora@devora_db",))
        assert double.users[APP] == READS
        assert found.frozen is True
        assert any("before anything was blocked" in note for note in found.notes)  # it may not write there anyway
        with pytest.raises(ConsoleError, match="no user nobody@admin"):
            _freeze(double, tmp_path / "g", ("nobody",))
        double.application = ("admin", "admin")
        with pytest.raises(ConsoleError, match=r"mongo\.admin_url"):
            _freeze(double, tmp_path / "g")


def test_a_canary_that_is_refused_beside_open_collections(tmp_path: Path) -> None:
    with serving(Double()) as double:
        double.own_roles["shop", "devora_db"] = [replies.on("devora_db", "orders", ["find", "insert"])]
        double.users[APP] = [{"role": "shop", "db": "devora_db"}]
        canary = try_write(_app(double), "devora_db", 2.0)
        assert (canary.outcome, canary.open, canary.frozen) == (Outcome.REFUSED, ("orders",), False)
        double.die_after = "insert"
        double.users[APP] = WRITES
        lost = try_write(_app(double), "devora_db", 2.0)
        assert (lost.outcome, lost.frozen, lost.removed) == (Outcome.INCONCLUSIVE, None, True)
        assert double.collections == {}


def test_nobody_to_block(tmp_path: Path) -> None:
    with serving(Double()) as double:
        double.application = None  # a server without logins
        found = _freeze(double, tmp_path / "f")
        assert (found.frozen, found.how, found.book.state) == (False, How.NOTHING, State.NOT_BLOCKED)
        assert "logs in as nobody" in found.notes[0]
        assert _unfreeze(double, tmp_path / "f").done[0].startswith("nothing was blocked")


def test_credentials_that_are_missing(tmp_path: Path) -> None:
    """A server with users refuses whoever is nobody: that is no freeze."""
    with serving(Double()) as double:
        double.application, double.requires_login = None, True
        canary = try_write(_app(double), "devora_db", 2.0)
        assert (canary.outcome, canary.code, canary.frozen) == (Outcome.INCONCLUSIVE, 13, None)
        assert "logged in as nobody: mongo.app_url" in canary.words
        assert _freeze(double, tmp_path / "f").frozen is False


def test_others_who_write_are_named(tmp_path: Path) -> None:
    with serving(Double()) as double:
        double.users["cron", "admin"] = [{"role": "readWriteAnyDatabase", "db": "admin"}]
        found = _freeze(double, tmp_path / "f")
        assert found.frozen is True
        assert any("cron@admin" in note for note in found.notes)
        both = _freeze(double, tmp_path / "g", ("cron",))
        assert double.users["cron", "admin"] == [{"role": "readAnyDatabase", "db": "admin"}]
        assert not any("no user of the application" in note for note in both.notes)


def test_damaged_records(tmp_path: Path) -> None:
    record = tmp_path / "freeze.json"
    with serving(Double()) as double:
        _freeze(double, record)
        whole = record.read_text()
        told = json.loads(whole)
        for text in (
            whole[:200],
            "",
            "[]",
            json.dumps({**told, "version": 2}),
            json.dumps({**told, "how": "guessing"}),
            json.dumps({**told, "users": [{"user": "x"}]}),
            json.dumps({**told, "server": "mongodb standalone elsewhere:1/devora_db"}),
        ):
            record.write_text(text)
            for act in (_unfreeze, _freeze):
                with pytest.raises(ConsoleError) as caught:
                    act(double, record)
                assert caught.value.exit_code is ExitCode.USAGE
        assert double.users[APP] == READS
        record.write_text(whole)
        del double.users[APP]
        double.application = ("other", "admin")
        double.users["other", "admin"] = WRITES
        gone = _unfreeze(double, record)
        assert "no user devora" in gone.left[0]
        assert book.read(record).state is State.BLOCKED
    assert not isinstance(gone.canary, Unknown)
