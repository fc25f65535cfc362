"""Tampering, one way after another: each is found, and the event is named."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from devora_console.core.unknown import Unknown
from devora_console.cutover.events import Kind, body, chained
from devora_console.cutover.journal import connect, home, rows
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.journal.verify import Verified, Wrong, digest, verify
from tests.cutover.conftest import Begin


@pytest.fixture
def written(begin: Begin, tmp_path: Path) -> Path:
    """A run: 1 created, 2 driver, 3 intent, 4 exited (with its output), 5 artifact, 6 and 7 notes."""
    journal = begin()
    token = journal.take_driver("ana")
    journal.append(Kind.INTENT, {"argv": ["x"]}, step="first", attempt=1, token=token)
    out = home.make_attempt_folder(journal.folder, "first", 1) / "out.raw"
    out.write_bytes(b"what it said\n")
    sha = hashlib.sha256(out.read_bytes()).hexdigest()
    journal.append(Kind.EXITED, {"rc": 0, "out_sha": sha}, step="first", attempt=1, token=token)
    dump = tmp_path / "dump"
    (dump / "db").mkdir(parents=True)
    (dump / "db" / "users.bson").write_bytes(b"...")
    journal.append(Kind.ARTIFACT, {"path": str(dump), "sha256": digest(dump), "kind": "mongodump"})
    journal.append(Kind.NOTE, {"text": "six"})
    journal.append(Kind.NOTE, {"text": "seven"})
    journal.close()
    return journal.folder


def change(folder: Path, *statements: str) -> None:
    """Somebody who knows SQL, and of the triggers."""
    database = sqlite3.connect(folder / home.JOURNAL)
    for name in rows.TRIGGERS:
        database.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        database.execute(statement)
    for statement in rows.SCHEMA:
        if "TRIGGER" in statement:
            database.execute(statement)
    database.commit()
    database.close()


def replaced(folder: Path) -> None:
    """Event 6 with another text and a hash that is right for it."""
    with Journal.watch(folder) as journal:
        event = replace(journal.events()[5], payload={"text": "forged"})
    event = replace(event, hash=chained(body(event), event.previous))
    change(
        folder,
        "DELETE FROM event WHERE seq = 6",
        f"INSERT INTO event SELECT 6, run, '{rows.row(event)[2]}', {event.mono}, boot, actor, host, kind, step, "  # noqa: S608
        f"attempt, '{rows.row(event)[10]}', '{event.previous}', '{event.hash}' FROM event WHERE seq = 7",
    )


def rewritten(folder: Path) -> None:
    """The last event anew, with a hash that is right: only the file beside tells."""
    with Journal.watch(folder) as journal:
        event = replace(journal.events()[6], payload={"text": "forged"})
    digest = chained(body(event), event.previous)
    change(folder, f"UPDATE event SET payload = '{rows.row(event)[10]}', hash = '{digest}' WHERE seq = 7")  # noqa: S608


def out_of(folder: Path) -> Path:
    return folder / "steps" / "first.1" / "out.raw"


CASES: list[tuple[str, Callable[[Path], object], list[tuple[Wrong, int | None]]]] = [
    ("nothing", lambda folder: None, []),
    ("payload", lambda f: change(f, "UPDATE event SET payload = '{}' WHERE seq = 6"), [(Wrong.CHANGED, 6)]),
    ("actor", lambda f: change(f, "UPDATE event SET actor = 'bob' WHERE seq = 3"), [(Wrong.CHANGED, 3)]),
    ("time", lambda f: change(f, "UPDATE event SET at = '2020-01-01T00:00:00Z' WHERE seq = 3"), [(Wrong.CHANGED, 3)]),
    ("attempt", lambda f: change(f, "UPDATE event SET attempt = 2 WHERE seq = 3"), [(Wrong.CHANGED, 3)]),
    ("unreadable", lambda f: change(f, "UPDATE event SET payload = '{' WHERE seq = 6"), [(Wrong.CHANGED, 6)]),
    ("no time", lambda f: change(f, "UPDATE event SET at = 'noon' WHERE seq = 6"), [(Wrong.CHANGED, 6)]),
    ("hash", lambda f: change(f, "UPDATE event SET hash = 'ab' WHERE seq = 6"), [(Wrong.CHANGED, 6)]),
    ("deleted", lambda f: change(f, "DELETE FROM event WHERE seq = 6"), [(Wrong.MISSING, 6)]),
    ("two deleted", lambda f: change(f, "DELETE FROM event WHERE seq IN (5, 6)"), [(Wrong.MISSING, 5)]),
    ("first deleted", lambda f: change(f, "DELETE FROM event WHERE seq = 1"), [(Wrong.MISSING, 1)]),
    ("cut short", lambda f: change(f, "DELETE FROM event WHERE seq >= 6"), [(Wrong.CUT, 6)]),
    ("emptied", lambda f: change(f, "DELETE FROM event"), [(Wrong.CUT, 1)]),
    (
        "swapped",
        lambda f: change(
            f,
            "UPDATE event SET seq = 99 WHERE seq = 6",
            "UPDATE event SET seq = 6 WHERE seq = 7",
            "UPDATE event SET seq = 7 WHERE seq = 99",
        ),
        [(Wrong.ORDER, 6), (Wrong.ORDER, 7), (Wrong.REPLACED, 7)],
    ),
    (
        "closed up",
        lambda f: change(f, "DELETE FROM event WHERE seq = 6", "UPDATE event SET seq = 6 WHERE seq = 7"),
        [(Wrong.CHANGED, 6), (Wrong.CUT, 7)],
    ),
    ("replaced", replaced, [(Wrong.REPLACED, 6)]),
    ("rewritten", rewritten, [(Wrong.REPLACED, 7)]),
    ("output changed", lambda f: out_of(f).write_bytes(b"what it did not say\n"), [(Wrong.FILE_CHANGED, 4)]),
    ("output missing", lambda f: out_of(f).unlink(), [(Wrong.FILE_MISSING, 4)]),
    (
        "artifact changed",
        lambda f: (f.parents[1] / "dump" / "db" / "users.bson").write_bytes(b"other"),
        [(Wrong.FILE_CHANGED, 5)],
    ),
    ("artifact renamed", lambda f: (f.parents[1] / "dump").rename(f.parents[1] / "d"), [(Wrong.FILE_MISSING, 5)]),
]


@pytest.mark.parametrize(("tamper", "wrong"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_was_tampered_with_is_named(
    written: Path, tamper: Callable[[Path], object], wrong: list[tuple[Wrong, int | None]]
) -> None:
    tamper(written)
    found = verify(written)
    assert [(each.wrong, each.seq) for each in found.findings] == wrong
    assert found.good is (not wrong)
    assert all(str(each.seq) in each.words for each in found.findings if each.seq and each.wrong is not Wrong.CUT)
    assert found.whole is not any(each is Wrong.CUT for each, _ in wrong)


def test_a_good_journal_says_how_much_was_looked_at(written: Path) -> None:
    with Journal.watch(written) as journal:
        last = journal.events()[-1].hash
    assert verify(written) == Verified(events=7, files=2, last=last, whole=True, findings=())


@pytest.mark.parametrize("left", [None, "", "{}", "[]"])
def test_without_the_head_nobody_knows_whether_it_was_cut_short(written: Path, left: str | None) -> None:
    (written / home.HEAD).unlink()
    if left is not None:
        (written / home.HEAD).write_text(left)
    found = verify(written)
    assert found.good
    assert isinstance(found.whole, Unknown)


def test_a_head_that_stayed_behind_does_no_harm(written: Path) -> None:
    with Journal.watch(written) as journal:
        fifth = journal.events()[4]
    (written / home.HEAD).write_text(json.dumps({"seq": 5, "hash": fifth.hash}))
    assert verify(written).good
    with Journal.open(written, "ana") as journal:
        journal.append(Kind.NOTE, {"text": "eight"})
    assert json.loads((written / home.HEAD).read_text())["seq"] == 8


def test_a_head_never_goes_back(written: Path) -> None:
    with Journal.watch(written) as journal:
        fifth, last = journal.events()[4], journal.events()[-1]
    connect.tell_head(written, fifth)  # somebody who added it at the same time, and was slower
    assert connect.head(written) == (last.seq, last.hash)


def test_lost_guards_are_told(written: Path) -> None:
    database = sqlite3.connect(written / home.JOURNAL)
    database.execute(f"DROP TRIGGER {rows.TRIGGERS[0]}")
    database.close()
    (finding,) = verify(written).findings
    assert finding.wrong is Wrong.UNGUARDED
    assert rows.TRIGGERS[0] in finding.words


def test_a_damaged_database_is_a_finding(written: Path) -> None:
    path = written / home.JOURNAL
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    (finding, *_) = verify(written).findings
    assert finding.wrong is Wrong.UNREADABLE
    assert finding.seq is None
