"""What is said of a standby, of receivers and of slots, state by state, and what must not be said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.progress import OtherWork, judge_work
from devora_console.postgres.health.replication import Replay, Replica, Slot, judge_replication

SETTINGS = HealthSettings()
REPLAY = Replay(True, True, True, "not paused", 0, 3600.0, 0.0)
REPLICA = Replica(7, "replica", "streaming", "async", 0, None)
SLOT = Slot("s", "physical", None, False, True, "reserved", None, 1_000_000, None, None)

# condition -> change, verdict, what is said, what must not be said
STANDBY = {
    "idle primary": ({}, Verdict.OK, "all that was received is replayed", "behind"),
    "replays on": (
        {"waiting_bytes": 5_000, "seconds": 2.0},
        Verdict.OK,
        "5.0 kB received and not replayed",
        "all that",
    ),
    "late": ({"waiting_bytes": 5_000}, Verdict.WARN, "5.0 kB received and not replayed", "all that"),
    "late on purpose": (
        {"waiting_bytes": 5_000, "delay_seconds": 3590.0},
        Verdict.OK,
        "recovery_min_apply_delay",
        "all",
    ),
    "paused": ({"paused": "paused"}, Verdict.WARN, "replay is paused", "all that was received"),
    "alone": ({"receiving": False}, Verdict.WARN, "how far it is behind is not known", "0 B"),
    "alone, to nobody": ({"receiving": False, "streams": None}, Verdict.UNKNOWN, "is not known", "archive"),
    "from an archive": ({"receiving": False, "streams": False}, Verdict.UNKNOWN, "fed from an archive", "0 B"),
}
RECEIVER = {
    "caught up": ({}, Verdict.OK, "0 B behind", "late"),
    "a little": ({"behind_bytes": 900, "lag_seconds": 0.2}, Verdict.OK, "came 0.2s late", "hidden"),
    "late": ({"behind_bytes": 900, "lag_seconds": 90.0}, Verdict.WARN, "1m30s late", "hidden"),
    "stands still": ({"behind_bytes": 90_000_000, "lag_seconds": 0.2}, Verdict.WARN, "90.0 MB behind", "hidden"),
    "was late once": ({"lag_seconds": 90.0}, Verdict.OK, "0 B behind", "hidden"),
    "hidden": ({"state": None, "sync_state": None, "behind_bytes": None}, Verdict.UNKNOWN, "hidden", "0 B"),
    "base backup": ({"state": "backup", "behind_bytes": None}, Verdict.NONE, "does not tell", "0 B"),
}
SLOTS = {
    "in use": ({}, Verdict.OK, "in use; keeps 1.0 MB", "not in use"),
    "idle": ({"active": False}, Verdict.NONE, "not in use; keeps 1.0 MB", "invalid"),
    "idle for long": (
        {"active": False, "kept_bytes": 2 * 10**9, "inactive_seconds": 86_400.0},
        Verdict.WARN,
        "1d",
        "inv",
    ),
    "never used": ({"active": False, "kept_bytes": None}, Verdict.NONE, "kept no log yet", "0 B"),
    "about to lose": ({"wal_status": "unreserved", "safe_bytes": -5}, Verdict.FAIL, "0 B before it loses", "-5"),
    "lost": ({"active": False, "wal_status": "lost", "kept_bytes": None}, Verdict.WARN, "must start anew", "keeps"),
    "invalidated": ({"invalid": "rows_removed", "active": False}, Verdict.WARN, "(rows_removed)", "keeps"),
}


@pytest.mark.parametrize("name", STANDBY)
def test_a_standby(name: str) -> None:
    change, verdict, words, never = STANDBY[name]
    (line,) = judge_replication(replace(REPLAY, **change), (), (), SETTINGS)  # type: ignore[arg-type]
    assert (line.verdict, words in line.text, never in line.text) == (verdict, True, False), line.text


@pytest.mark.parametrize("name", RECEIVER)
def test_a_receiver(name: str) -> None:
    change, verdict, words, never = RECEIVER[name]
    (line,) = judge_replication(None, (replace(REPLICA, **change),), (), SETTINGS)  # type: ignore[arg-type]
    assert (line.verdict, words in line.text, never in line.text) == (verdict, True, False), line.text


@pytest.mark.parametrize("name", SLOTS)
def test_a_slot(name: str) -> None:
    change, verdict, words, never = SLOTS[name]
    (line,) = judge_replication(None, (), (replace(SLOT, **change),), SETTINGS)  # type: ignore[arg-type]
    assert (line.verdict, words in line.text, never in line.text) == (verdict, True, False), line.text
    assert ("pg_drop_replication_slot" in line.sql) is (verdict in (Verdict.WARN, Verdict.FAIL))


def test_nothing_and_not_known_are_two_things() -> None:
    (line,) = judge_replication(None, (), (), SETTINGS)
    assert line.verdict is Verdict.NONE
    assert "cannot be seen from here" in line.why
    hidden = Unknown("not allowed")
    lines = judge_replication(hidden, hidden, hidden, SETTINGS)
    assert [each.verdict for each in lines] == [Verdict.UNKNOWN] * 3
    assert not any("no standby" in each.text for each in lines)


# condition -> change, what is said, what must not be said
WORK = {
    "half": ({}, "scanning: 50.00 % of 10 pages", "told"),
    "no end known": ({"total": None}, "scanning: 5 pages so far; how much", " % of"),
    "nothing counted": ({"done": None, "total": None}, "scanning; how much there is", " 0 "),
    "more than was thought": ({"done": 11}, "100.00 % of 10 pages", "110"),
    "bytes": ({"unit": "bytes", "done": 2_000_000, "total": 0}, "2.0 MB so far", " % of"),
    "hidden": ({"hidden": True, "phase": None, "done": None, "total": None}, "hidden from this user", "None"),
}


@pytest.mark.parametrize("name", WORK)
def test_how_far_it_is(name: str) -> None:
    change, words, never = WORK[name]
    work = OtherWork(7, "lab", 1, "public.t", None, "ANALYZE", "scanning", 5, 10, "pages", False, False)
    (line,) = judge_work((replace(work, **change),))  # type: ignore[arg-type]
    assert (line.verdict, words in line.text, never in line.text) == (Verdict.RUNNING, True, False), line.text
    assert line.title == "ANALYZE on public.t, pid 7"
