"""A database that ends or freezes at any step of the Big Bang: nothing passes that did not happen, and all is told.

Then it is up again, and the walk goes on to its end, or back, with each effect once.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from devora_console.cutover.events import Kind
from devora_console.cutover.state import RunState, StepState
from tests.cutover.big_bang import STUCK, Blaze, Which, blaze  # noqa: F401 - the fixture

# The steps that cannot be done without a database, and those that go on although it is away.
NEEDS: Mapping[Which, frozenset[str]] = {
    "postgres": frozenset(
        {"preflight", "migrate", "verify", "backup-postgres", "analyze", "recreate", "smoke", "mark", "open"}
    ),
    "mongo": frozenset(
        {"preflight", "session", "freeze", "final-backup", "backup-agrees", "migrate", "verify", "still-silent"}
    ),
}
STEPS = (
    *("preflight", "session", "maintenance-on", "freeze", "final-backup", "backup-agrees", "migrate", "verify"),
    *("backup-postgres", "analyze", "keep-state", "switch", "recreate", "smoke", "still-silent", "mark", "open"),
)
NAMED: Mapping[Which, tuple[str, ...]] = {
    "postgres": ("PostgreSQL at postgres@local/devora", "database does not answer", '"backend": "postgres"'),
    "mongo": ("MongoDB at mongodb://127.0.0.1", "database does not answer"),
}


def told(blaze: Blaze, which: Which, said: str) -> None:  # noqa: F811 - the fixture's
    """Wherever it stands, the journal, the status and the command that stopped name the database that is away."""
    run, status = blaze.run(), blaze.status()
    at = next(each for each in run.steps if each.state not in (StepState.PASSED, StepState.UNDONE))
    why = f"{run.reason} {at.reason}"
    assert any(name in why for name in NAMED[which]), why
    assert status["run"]["state"] == run.state.value
    assert status["run"]["succeeded"] is False
    assert any(name in status["headline"] for name in NAMED[which]), status["headline"]
    assert any(name in said.splitlines()[-1] for name in NAMED[which]), said
    assert blaze.whole()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ended", "frozen"])
@pytest.mark.parametrize("which", ["postgres", "mongo"])
def test_at_every_step_it_stops_says_so_and_goes_on(blaze: Blaze, which: Which, how: str) -> None:  # noqa: F811
    words: tuple[str, ...] = ("--go",)
    hit: set[str] = set()
    for _ in range(2 * len(STEPS)):
        left = [each for each in STEPS if not blaze.happened(each)]
        for step in left:
            blaze.away_at(step, which, frozen=how == "frozen")
        code, said = blaze.walk(*words)
        now = {step for step in left if blaze.happened(step)}
        hit |= now
        run = blaze.run()
        if run.state is RunState.DONE:
            assert code == 0
            break
        assert code == 5, said
        if now:  # else it only waited for a person
            told(blaze, which, said)
            assert not [step for step in now & NEEDS[which] if run.step(step).state is StepState.PASSED], said
        blaze.back(which)
        for each in run.steps:
            if each.state in STUCK:
                code, said = blaze.decide("retry", each.id)
                assert code == 0, said
        words = ("--resume", "--go")
    assert blaze.run().state is RunState.DONE
    assert hit == set(STEPS)
    assert blaze.whole()
    for each in blaze.run().steps:
        assert sum(attempt.rc == 0 for attempt in each.attempts) == (1 if each.attempts else 0), each
    blaze.back(which)
    assert blaze.serves() == (200, "postgres")
    code, said = blaze.console("verify", "--level", "fields")
    assert code == 0, said


# --- back -------------------------------------------------------------------------------------------

BACK = ("maintenance-on", "keep-state", "switch", "recreate")  # what there is to take back, and nothing that takes long


def open_on_mongo(blaze: Blaze) -> None:  # noqa: F811
    """Everything was taken back, each once, and visitors are on MongoDB."""
    run = blaze.run()
    assert run.state is RunState.ROLLED_BACK
    for each in run.steps:
        assert not each.attempts or each.state is StepState.UNDONE, each
        undone = [attempt for attempt in each.attempts if attempt.undo]
        assert sum(attempt.rc == 0 for attempt in undone) == (1 if undone else 0), each
    assert blaze.serves() == (200, "mongo")
    assert blaze.whole()


@pytest.mark.slow
def test_the_way_back_needs_no_target(blaze: Blaze) -> None:  # noqa: F811
    """The target ends while its lease is held, and stays away: everything is taken back all the same."""
    blaze.configure("maintenance-on", "migrate", "open")
    blaze.away_at("migrate", "postgres")
    code, said = blaze.walk("--go")
    assert code == 5, said
    assert (code, blaze.state("migrate")) == (5, StepState.FAILED), said
    told(blaze, "postgres", said)
    assert blaze.serves()[0] == 503
    code, said = blaze.roll_back()
    assert code == 0, said
    open_on_mongo(blaze)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ended", "frozen"])
@pytest.mark.parametrize("step", ["switch", "recreate", "mark"])
def test_the_way_back_from_postgres_needs_no_postgres(blaze: Blaze, step: str, how: str) -> None:  # noqa: F811
    blaze.away_at(step, "postgres", frozen=how == "frozen")
    code, said = blaze.walk("--go")
    assert code == 5, said
    told(blaze, "postgres", said)
    code, said = blaze.roll_back()
    assert code == 0, said
    open_on_mongo(blaze)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["ended", "frozen"])
@pytest.mark.parametrize("step", ["freeze", "recreate", "still-silent"])
def test_the_way_back_without_mongodb_says_what_is_missing_and_waits(blaze: Blaze, step: str, how: str) -> None:  # noqa: F811
    blaze.away_at(step, "mongo", frozen=how == "frozen")
    code, said = blaze.walk()
    assert code == 5, said
    for _ in range(len(STEPS)):
        code, said = blaze.roll_back() if blaze.run().state is not RunState.ROLLING_BACK else blaze.walk("--resume")
        assert (code, blaze.run().state) == (5, RunState.ROLLING_BACK), said
        (stuck,) = (each for each in blaze.run().steps if each.state is StepState.UNDO_FAILED)
        assert any(name in stuck.reason for name in NAMED["mongo"]), stuck
        assert blaze.status()["current"] == stuck.id
        assert blaze.serves()[0] == 503  # nobody is let in on a site that has no database
        blaze.back("mongo")
        code, said = blaze.decide("retry", stuck.id)
        assert code == 0, said
        break
    code, said = blaze.walk("--resume")
    assert code == 1, said
    open_on_mongo(blaze)


@pytest.mark.slow
def test_a_target_that_restarts_while_its_lease_is_held_is_taken_again(blaze: Blaze) -> None:  # noqa: F811
    blaze.configure("maintenance-on", "freeze", "open")
    blaze.away_at("maintenance-on", "postgres")
    code, said = blaze.walk("--go")
    assert (code, blaze.state("maintenance-on"), blaze.state("freeze")) == (5, StepState.PASSED, StepState.PENDING)
    assert "--without-lease" in said.splitlines()[-1]
    code, said = blaze.walk("--resume", "--without-lease", "the target restarts, nobody else is here")
    assert (code, blaze.state("open")) == (5, StepState.WAITING), said
    blaze.back("postgres")
    blaze.walk("--resume", "--go")
    assert [each.payload["state"] for each in blaze.events(Kind.LEASE)] == ["taken", "lost", "override", "taken"]
