"""The way back, for every state that a step can be in."""

from __future__ import annotations

import pytest

from devora_console.cutover.model import Runbook
from devora_console.cutover.state import RunState, StepState
from devora_console.cutover.timing import Timings
from devora_console.cutover.undo import How, RollbackPlan, rollback_plan
from tests.cutover.small_runbook import SMALL, Stood, run_of, small

PASSED = Stood(StepState.PASSED, (0,))
BOOK = small()


def back(book: Runbook = BOOK, state: RunState = RunState.RUNNING, **stood: Stood) -> RollbackPlan:
    """The plan of a run that stands so."""
    return rollback_plan(run_of(book, stood, state=state), book, Timings())


@pytest.mark.parametrize(
    ("stood", "touched"),
    [
        (Stood(), False),
        (Stood(StepState.WAITING), False),
        (Stood(StepState.INTENT, (None,)), True),
        (Stood(StepState.RUNNING, (None,)), True),
        (Stood(StepState.VERIFYING, (0,)), True),
        (Stood(StepState.PASSED, (0,)), True),
        (Stood(StepState.PASSED), True),  # a manual step has no attempts
        (Stood(StepState.FAILED, (1,)), True),
        (Stood(StepState.TIMED_OUT, (None,)), True),
        (Stood(StepState.INCONCLUSIVE, (0,)), True),
        (Stood(StepState.UNKNOWN, (None,)), True),
        (Stood(StepState.SKIPPED), False),
        (Stood(StepState.SKIPPED, (1,)), True),  # it had been tried before it was skipped
        (Stood(StepState.PENDING, (1,)), True),  # set back for another attempt
        (Stood(StepState.WAITING, (1,)), True),
        (Stood(StepState.UNDOING, (0,), (None,)), True),
        (Stood(StepState.UNDONE, (0,), (0,)), False),
        (Stood(StepState.UNDO_FAILED, (0,), (1,)), True),
        (Stood(StepState.PENDING, (0,), (0,)), False),  # taken back, and to be done again
        (Stood(StepState.PENDING, (0,), (1,)), True),
    ],
)
def test_what_may_have_had_an_effect_is_taken_back(stood: Stood, touched: bool) -> None:
    assert [each.step for each in back(switch=stood).ways] == (["switch"] if touched else [])


def test_the_last_is_taken_back_first_and_nothing_to_undo_takes_no_time() -> None:
    plan = back(preflight=PASSED, shut=PASSED, save=PASSED, switch=Stood(StepState.FAILED, (1,)))
    assert [(each.step, each.how) for each in plan.ways] == [
        ("switch", How.COMMAND),
        ("save", How.NOTHING),
        ("shut", How.COMMAND),
    ]
    assert [each.step for each in plan.acts] == ["switch", "shut"]
    assert plan.eta.p95 == 60
    assert (plan.past, plan.by_itself, plan.people, plan.plan_b) == (False, True, 1, "")
    timed = rollback_plan(run_of(BOOK, {"shut": PASSED}), BOOK, Timings({}, {"shut": [3.0, 8.0]}))
    assert (timed.eta.p50, timed.eta.p95, timed.eta.measured) == (3, 8, 1)


@pytest.mark.parametrize(
    "state",
    [
        StepState.INTENT,
        StepState.RUNNING,
        StepState.VERIFYING,
        StepState.PASSED,
        StepState.FAILED,
        StepState.TIMED_OUT,
        StepState.UNKNOWN,
        StepState.INCONCLUSIVE,
    ],
)
def test_from_the_point_of_no_return_on_there_is_plan_b_and_two_people(state: StepState) -> None:
    plan = back(shut=PASSED, switch=PASSED, open=Stood(state, (None,)))
    assert (plan.past, plan.by_itself, plan.people) == (True, False, 2)
    assert "loses those rows" in plan.plan_b
    assert "point of no return" in plan.why_not
    assert [each.step for each in plan.ways] == ["open", "switch", "shut"]
    assert plan.ways[0].how is How.PERSON


def test_before_it_nothing_is_lost() -> None:
    for stood in (Stood(), Stood(StepState.WAITING), Stood(StepState.SKIPPED)):
        assert not back(shut=PASSED, open=stood).past
    assert back(shut=PASSED, watch=Stood(StepState.RUNNING)).past


@pytest.mark.parametrize(
    ("state", "stood", "why"),
    [
        (RunState.RUNNING, {"shut": Stood(StepState.RUNNING, (None,))}, "step shut is running: it has to end first"),
        (RunState.ROLLING_BACK, {"shut": Stood(StepState.UNDOING, (0,), (None,))}, "step shut is undoing"),
        (RunState.DONE, {"shut": PASSED}, "the run is done"),
        (RunState.ROLLED_BACK, {}, "the run is rolled back"),
        (RunState.RUNNING, {}, "there is nothing to take back"),
        (RunState.RUNNING, {"save": PASSED}, "there is nothing to take back"),
    ],
)
def test_when_it_may_not_run_by_itself(state: RunState, stood: dict[str, Stood], why: str) -> None:
    plan = rollback_plan(run_of(BOOK, stood, state=state), BOOK, Timings())
    assert not plan.by_itself
    assert why in plan.why_not


def test_what_a_person_takes_back_needs_one() -> None:
    book = small(SMALL.replace("nothing to undo: a backup is kept", "Ask the keeper of backups"))
    plan = back(book, shut=PASSED, save=PASSED)
    assert plan.ways[0].how is How.PERSON
    assert plan.why_not == "step save is taken back by a person"
