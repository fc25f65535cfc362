"""The journal: what is added stays, in order, by whom it was, without secrets; and one drives."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devora_console.config.secret import Dsn, Secret
from devora_console.core.clock import utc_now
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.cutover import machine
from devora_console.cutover.events import GENESIS, Event, Kind, body, chained
from devora_console.cutover.fold import fold
from devora_console.cutover.journal import connect, home, rows
from devora_console.cutover.journal.store import Journal
from devora_console.cutover.journal.verify import verify
from devora_console.cutover.state import RunState, StepState
from tests.cutover.conftest import Begin, created


def test_events_are_chained_and_folded_as_they_come(begin: Begin) -> None:
    journal = begin()
    token = journal.take_driver("ana at db1")
    journal.append(Kind.NOTE, {"text": "hello"})
    journal.append(Kind.INTENT, {"argv": ["x"]}, step="first", attempt=1, token=token)
    events = journal.events()
    assert [event.kind for event in events] == [Kind.CREATED, Kind.DRIVER, Kind.NOTE, Kind.INTENT]
    previous = GENESIS
    for event in events:
        assert (event.previous, event.hash) == (previous, chained(body(event), previous))
        previous = event.hash
    run = journal.state()
    assert (run.token, run.driver, run.step("first").state) == (1, "ana at db1", StepState.INTENT)
    assert run == fold(events)
    assert connect.head(journal.folder) == (4, previous)
    assert journal.events(2) == events[2:]


def test_a_watcher_follows_and_cannot_write(begin: Begin) -> None:
    journal = begin()
    with Journal.watch(journal.folder) as watcher:
        assert watcher.state().last_seq == 1
        journal.append(Kind.NOTE, {"text": "seen at once"})
        assert watcher.state().notes[0].payload == {"text": "seen at once"}
        with pytest.raises(ConsoleError, match="readonly"):
            watcher.append(Kind.NOTE, {"text": "no"})
        assert watcher.state().last_seq == 2


def test_the_database_itself_refuses_changes(begin: Begin) -> None:
    journal = begin()
    journal.append(Kind.NOTE, {"text": "one"})
    copied = f"({rows.COLUMNS}) SELECT {{}}, {rows.COLUMNS.partition(', ')[2]} FROM event WHERE seq = 1"  # noqa: S608
    statements = [
        "UPDATE event SET payload = '{}'",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event " + copied.format(1),
        "INSERT INTO event " + copied.format(9),
    ]
    other = sqlite3.connect(journal.path)
    for statement in statements:
        with pytest.raises(sqlite3.IntegrityError, match="events are"):
            other.execute(statement)
    other.close()
    assert verify(journal.folder).good


def test_what_cannot_be_read_back_is_never_written(begin: Begin) -> None:
    journal = begin()
    token = journal.take_driver("ana")
    with pytest.raises(ValueError, match="no such state"):
        journal.append(Kind.RUN, {"state": "no such state"}, token=token)
    with pytest.raises(KeyError):
        journal.append(Kind.VOTE, {"vote": "go"})
    with pytest.raises(ValueError, match="token"):
        journal.append(Kind.RUN, {"state": "running"})
    with pytest.raises(TypeError):
        journal.append(Kind.NOTE, {"text": Secret("whole secret")})
    assert len(journal.events()) == 2
    journal.append(Kind.RUN, {"state": "running", "reason": ""}, token=token)
    assert journal.state().state is RunState.RUNNING


def test_odd_values_survive(begin: Begin) -> None:
    journal = begin()
    said = {"text": "half \udc80 \x00 \x1b[31m", "n": float("nan"), "deep": [{"é": (1, 2.5, None)}], "big": 2**70}
    event = journal.append(Kind.NOTE, said)
    assert event.payload["text"] == "half ? \x00 \x1b[31m"
    with Journal.watch(journal.folder) as watcher:
        assert watcher.events(1) == (event,)
    assert verify(journal.folder).good


def test_a_kind_of_a_newer_console_changes_nothing(begin: Begin) -> None:
    journal = begin()
    last = journal.events()[-1]
    strange = replace(last, seq=2, kind=rows.kind("moon.phase"), payload={}, previous=last.hash)
    strange = replace(strange, hash=chained(body(strange), last.hash))
    other = sqlite3.connect(journal.path)
    other.execute(rows.INSERT, rows.row(strange))
    other.commit()
    other.close()
    assert journal.append(Kind.NOTE, {"text": "after"}).seq == 3
    assert journal.events(1)[0].kind == "moon.phase"
    assert verify(journal.folder).good


def test_threads_share_a_journal(begin: Begin) -> None:
    journal = begin()
    token = journal.take_driver("ana")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: journal.append(Kind.LEASE, {"state": str(n)}, token=token), range(40)))
        list(pool.map(lambda _: journal.state(), range(8)))
    assert journal.state().last_seq == 42
    assert verify(journal.folder).good


# --- secrets ----------------------------------------------------------------------------------------


def test_no_secret_reaches_the_disk(begin: Begin) -> None:
    secrets = (Dsn("postgresql://ana:s3cr%40t-word@db1/devora"), Secret("running"))
    journal = begin(secrets=secrets)
    token = journal.take_driver("ana s3cr@t-word")
    journal.append(Kind.NOTE, {"text": "it said s3cr@t-word or s3cr%40t-word, password=other", "s3cr@t-word": 1})
    journal.append(Kind.INTENT, {"argv": ["x", "--p=s3cr@t-word"]}, step="first", attempt=1, token=token)
    journal.append(Kind.RUN, {"state": "running", "reason": "s3cr@t-word"}, token=token)
    assert journal.state().state is RunState.RUNNING  # a password that is a word of ours takes nothing away
    journal.close()
    kept = b"".join(path.read_bytes() for path in journal.folder.iterdir() if path.is_file())
    assert b"s3cr" not in kept
    assert b"other" not in kept
    assert verify(journal.folder).good


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"text": "run = ['--password', 'hunter2-hunter2']"}, "the runbook"),
        ({"variables": {"site": "x hunter2-hunter2"}}, "the variable site"),
        ({"variables": {"front_url": "https://ana:pw@front/"}}, "the variable front_url"),
        ({"text": "token = '{token}' postgres"}, None),
    ],
)
def test_a_runbook_with_a_secret_begins_no_run(
    runs: Path, begin: Begin, changes: dict[str, object], word: str | None
) -> None:
    secrets = (Secret("hunter2-hunter2"), Secret("postgres"))
    if word is None:
        assert begin(payload=created(**changes), secrets=secrets).state().text == changes["text"]
        return
    with pytest.raises(ConsoleError, match=word) as refusal:
        begin(payload=created(**changes), secrets=secrets)
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert list(runs.iterdir()) == []


# --- clocks -----------------------------------------------------------------------------------------


def test_a_jump_of_the_wall_clock_is_an_event(begin: Begin) -> None:
    first = machine.now()
    moments = [
        first,
        replace(first, at=first.at + timedelta(seconds=61), mono=first.mono + 60),  # a clock that is set gently
        replace(first, at=first.at - timedelta(seconds=3600), mono=first.mono + 61),
        replace(first, at=first.at + timedelta(days=1), mono=12.0, boot="another"),  # not comparable
    ]
    ticks = iter(moments)
    journal = begin(clock=lambda: next(ticks))
    for text in "abc":
        journal.append(Kind.NOTE, {"text": text})
    kinds = [event.kind for event in journal.events()]
    assert kinds == [Kind.CREATED, Kind.NOTE, Kind.CLOCK, Kind.NOTE, Kind.NOTE]
    assert journal.events()[2].payload == {"seconds": -3662.0, "boot_id": first.boot}


# --- one driver -------------------------------------------------------------------------------------


def test_who_was_taken_over_writes_nothing(begin: Begin) -> None:
    ana = begin()
    old = ana.take_driver("ana")
    with Journal.open(ana.folder, "bob") as bob:
        assert bob.driver() is not None
        with pytest.raises(ConsoleError, match=r"another console drives this run: ana, process \d+") as refusal:
            bob.take_driver("bob")
        assert refusal.value.exit_code is ExitCode.REFUSED
        bob.append(Kind.NOTE, {"text": "anybody may"})
        ana.release_driver()
        assert bob.driver() is None
        token = bob.take_driver("bob")
        with pytest.raises(ConsoleError, match="another console has taken over: bob") as fenced:
            ana.append(Kind.RUN, {"state": "running"}, token=old)
        assert fenced.value.exit_code is ExitCode.REFUSED
        ana.append(Kind.NOTE, {"text": "still allowed"})
        bob.append(Kind.RUN, {"state": "running"}, token=token)
        assert ana.state().state is RunState.RUNNING
        assert (token, ana.state().driver) == (2, "bob")


_RACERS = """
import multiprocessing, sys
from pathlib import Path
from devora_console.core.problems import ConsoleError
from devora_console.cutover.events import Kind
from devora_console.cutover.journal.store import Journal


def race(name, folders, together):
    for folder in folders:
        journal = Journal.open(Path(folder), name)
        together.wait()
        try:
            token = journal.take_driver(name)
        except ConsoleError as error:
            assert error.problem.code == "cutover_driven", error
            token = 1  # the one of before, which was good once
        for number in range(5):
            journal.append(Kind.NOTE, {"text": f"{name} {number}"})
            try:
                journal.append(Kind.LEASE, {"state": name}, token=token)
            except ConsoleError as error:
                assert error.problem.code == "cutover_taken_over", error
        together.wait()
        journal.close()


fork = multiprocessing.get_context("fork")
together = fork.Barrier(12)
racers = [fork.Process(target=race, args=(f"racer{n}", sys.argv[1:], together)) for n in range(12)]
for racer in racers:
    racer.start()
for racer in racers:
    racer.join()
sys.exit(any(racer.exitcode for racer in racers))
"""


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_of_twelve_processes_one_drives(begin: Begin, rounds: int) -> None:
    journals = [begin() for _ in range(rounds)]
    for journal in journals:
        journal.take_driver("before")  # so that the token that everybody else tries was once good
        journal.release_driver()
    folders = [str(journal.folder) for journal in journals]
    done = subprocess.run([sys.executable, "-c", _RACERS, *folders], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for journal in journals:
        events = journal.events(2)
        (taken,) = [event for event in events if event.kind is Kind.DRIVER]
        fenced = [event for event in events if event.kind is Kind.LEASE and event.seq > taken.seq]
        assert {event.actor for event in fenced} == {taken.payload["holder"]}
        assert len(fenced) == 5
        assert len([event for event in events if event.kind is Kind.NOTE]) == 60
        found = verify(journal.folder)
        assert found.good
        assert found.whole is True


# --- a full disk ------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(begin: Begin) -> None:
    journal = begin()
    journal.append(Kind.NOTE, {"text": "before"})
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from devora_console.core.problems import ConsoleError\n"
        "from devora_console.cutover.events import Kind\n"
        "from devora_console.cutover.journal.store import Journal\n"
        "journal = Journal.open(Path(sys.argv[1]), 'bob')\n"
        "journal.append(Kind.NOTE, {'text': 'fits'})\n"
        "limit = (Path(sys.argv[1]) / 'journal.db-wal').stat().st_size + 20000\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "try:\n    journal.append(Kind.NOTE, {'text': 'x' * 100000})\n"
        "except ConsoleError as error:\n    print(int(error.exit_code), error)\n"
        "print(journal.state().last_seq)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "print(journal.append(Kind.NOTE, {'text': 'room again'}).seq)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", code, str(journal.folder)], capture_output=True, text=True, check=True)
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"5 the journal {journal.path} cannot be written: ")
    assert "Make room on that disk" in first
    assert rest == ["3", "4"]
    assert [event.payload.get("text") for event in journal.events(1)] == ["before", "fits", "room again"]
    assert verify(journal.folder).good


def test_a_closed_journal_can_be_read_where_nothing_can_be_written(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = begin()
    journal.close()
    ways: list[str] = []
    real: Callable[[Path, str], sqlite3.Connection] = connect._read_only

    def full(path: Path, how: str) -> sqlite3.Connection:
        ways.append(how)
        if how == "mode=ro":
            raise sqlite3.OperationalError("disk I/O error")
        return real(path, how)

    monkeypatch.setattr(connect, "_read_only", full)
    with Journal.watch(journal.folder) as watcher:
        assert watcher.state().last_seq == 1
        with Journal.open(journal.folder, "bob") as bob:
            bob.append(Kind.NOTE, {"text": "room again"})
        monkeypatch.setattr(connect, "_read_only", real)
        assert watcher.state().last_seq == 2
    assert ways[0] == "mode=ro"
    assert ways[1].endswith("immutable=1")


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match=str(tmp_path)):
        Journal.watch(tmp_path)


def test_a_journal_of_a_newer_console_is_refused(begin: Begin) -> None:
    journal = begin()
    journal.close()
    with sqlite3.connect(journal.path) as other:
        other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(ConsoleError, match="newer console"):
        Journal.watch(journal.folder)
    with pytest.raises(ConsoleError, match="newer console"):
        Journal.open(journal.folder, "bob")


# --- the fold ---------------------------------------------------------------------------------------

_PAYLOADS: dict[Kind, st.SearchStrategy[dict[str, object]]] = {
    Kind.RUN: st.sampled_from([*RunState]).map(lambda state: {"state": state.value, "reason": "why"}),
    Kind.DRIVER: st.integers(1, 9).map(lambda token: {"token": token, "holder": f"holder{token}"}),
    Kind.GO: st.sampled_from(["run", "second"]).map(lambda scope: {"scope": scope}),
    Kind.VOTE: st.sampled_from(["go", "no_go"]).map(lambda vote: {"scope": "run", "vote": vote, "sha": "x"}),
    Kind.GATE: st.sampled_from(["ok", "fail"]).map(lambda word: {"gate": "g", "verdict": word, "value": word}),
    Kind.ATTESTED: st.just({"gate": "g", "evidence": "mail"}),
    Kind.WAIVED: st.just({"gate": "g", "reason": "known"}),
    Kind.NOTE: st.sampled_from(["a", "b"]).map(lambda text: {"text": text}),
    Kind.INTENT: st.booleans().map(lambda undo: {"undo": undo}),
    Kind.STARTED: st.booleans().map(lambda undo: {"pid": 7, "undo": undo}),
    Kind.EXITED: st.booleans().map(lambda undo: {"rc": 0, "undo": undo}),
    Kind.PROBED: st.sampled_from(["ok", "fail"]).map(lambda word: {"probe": "p", "verdict": word, "value": "v"}),
    Kind.STEP: st.sampled_from([*StepState]).map(lambda state: {"state": state.value, "seconds": 2}),
    Kind.EVIDENCE: st.just({"text": "done"}),
    Kind.OBSERVED: st.integers(0, 9).map(lambda n: {"seconds": n, "samples": n}),
}
_SAID = st.sampled_from([*_PAYLOADS]).flatmap(lambda kind: _PAYLOADS[kind].map(lambda said: (kind, said)))
_STEP = st.sampled_from(["first", "second", "unheard of"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_SAID, _STEP, st.integers(1, 2)), max_size=25), st.lists(st.integers(0, 26), max_size=5))
def test_folded_in_pieces_or_at_once_a_run_is_the_same(
    said: list[tuple[tuple[Kind, dict[str, object]], str, int]], cuts: list[int]
) -> None:
    moment = machine.Moment(utc_now(), 1.0, "boot", "host")
    start = Event(1, "r", moment.at, 1.0, "boot", "ana", "host", Kind.CREATED, None, None, created(), GENESIS, "")
    events = [start]
    for seq, ((kind, payload), step, attempt) in enumerate(said, 2):
        on_step = kind.value.startswith("step") or kind in (Kind.PROBED, Kind.OBSERVED)
        where = (step, attempt) if on_step else (None, None)
        events.append(replace(start, seq=seq, kind=kind, step=where[0], attempt=where[1], payload=payload))
    whole = fold(events)
    pieces = sorted({1, len(events), *(cut for cut in cuts if 1 < cut < len(events))})
    run, begun = None, 0
    for end in pieces:
        run, begun = fold(events[begun:end], run), end
    assert run == whole == fold(events)


def test_the_environment_names_the_home(tmp_path: Path) -> None:
    assert home.home(None, {"DEVORA_CONSOLE_HOME": str(tmp_path)}) == tmp_path / "data" / "cutover"
    assert home.home(str(tmp_path / "x")) == tmp_path / "x"
    assert os.path.isabs(home.home("relative"))
