"""Times, the window, and the plan in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from devora_console.core.snapshot import to_json
from devora_console.cutover.plan import plan
from devora_console.cutover.state import RunMode, RunState, StepState
from devora_console.cutover.timing import Expected, Timings, forward_time, percentile, timings, total, undo_time
from devora_console.cutover.window import Begun, window
from tests.cutover.small_runbook import NOW, Stood, run_of, small

PASSED, UNDONE, FAILED, SKIPPED = StepState.PASSED, StepState.UNDONE, StepState.FAILED, StepState.SKIPPED


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0], 0.95, 2.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 21)], 0.95, 19.0),
        ([float(n) for n in range(1, 22)], 0.95, 20.0),
    ],
)
def test_percentiles_are_values_that_were_measured(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_an_estimate_is_labelled_as_one() -> None:
    book = small()
    assert forward_time(book.step("shut"), Timings()) == Expected(10, 10, 0)
    assert forward_time(book.step("shut"), Timings({"shut": [4.0, 2.0, 3.0]})) == Expected(3, 4, 3)
    assert undo_time(book.step("save"), Timings()) is None
    assert undo_time(book.step("switch"), Timings()) == Expected(40, 40, 0)
    assert total([Expected(1, 2, 3), Expected(10, 10, 0)]).measured == 1


def test_a_wait_takes_its_own_length_whatever_a_rehearsal_took() -> None:
    assert forward_time(small().step("watch"), Timings({"watch": [3.0]})) == Expected(600, 600, 1)


def test_only_what_passed_of_the_same_file_elsewhere_or_in_rehearsal_counts() -> None:
    book = small()
    rehearsed = run_of(
        book,
        {
            "shut": Stood(UNDONE, (0,), (0,), 4.0, 1.5),
            "save": Stood(FAILED, (1,), (), 50.0),
            "switch": Stood(SKIPPED),
            "preflight": Stood(PASSED, (), (), 2.0),
        },
        mode=RunMode.REHEARSAL,
    )
    real = run_of(book, {"shut": Stood(PASSED, (0,), (), 99.0)})
    changed = small(book.text + "#")
    other_file = run_of(changed, {"shut": Stood(PASSED, (0,), (), 77.0)}, mode=RunMode.REHEARSAL)
    here = timings([rehearsed, real, other_file], book, "test")
    assert here == Timings({"shut": [4.0], "preflight": [2.0]}, {"shut": [1.5]})
    assert timings([rehearsed, real], book, "production").forward["shut"] == [4.0, 99.0]


def test_what_a_rehearsal_did_instead_does_not_time_the_step() -> None:
    book = small()
    run = run_of(book, {"open": Stood(PASSED, (0,), (), 1.0)}, mode=RunMode.REHEARSAL)
    assert timings([run], book, "test").forward == {}


def test_the_window_holds_the_way_there_and_all_the_way_back() -> None:
    book = small()
    # There: 5 + 10 + 100 + 30 + 10; back, worst before the point of no return: 20 + 40. The watch after it is outside.
    needed = 155 + 60
    fits = window(book, Timings(), NOW, NOW + timedelta(seconds=needed), "test")
    assert (fits.forward.p95, fits.rollback.p95, fits.after.p95) == (155, 60, 600)
    assert fits.fits
    assert fits.last_safe_start == NOW
    late = window(book, Timings(), NOW + timedelta(seconds=1), NOW + timedelta(seconds=needed), "test")
    assert not late.fits
    assert late.spare_seconds == -1
    slow = Timings({"save": [100.0, 900.0]}, {"switch": [10.0]})
    measured = window(book, slow, NOW, NOW + timedelta(hours=1), "test")
    assert (measured.forward.p50, measured.forward.p95, measured.rollback.p95) == (155, 955, 30)
    assert not window(book, Timings(), NOW, NOW - timedelta(hours=1), "test").fits


def test_of_a_run_that_has_begun_the_window_holds_what_is_left() -> None:
    book, ends = small(), NOW + timedelta(seconds=1000)
    stood = {"preflight": Stood(PASSED), "shut": Stood(PASSED, (0,)), "save": Stood(StepState.RUNNING, (None,))}

    def left(stood: dict[str, Stood], state: RunState, **going: float) -> tuple[float, float, float, float]:
        found = window(book, Timings(), NOW, ends, "the run", Begun(run_of(book, stood, state=state), going))
        assert found.spare_seconds == 1000 - found.needed_seconds
        assert found.last_safe_start == NOW + timedelta(seconds=found.spare_seconds)
        return found.forward.p95, found.rollback.p95, found.after.p95, found.needed_seconds

    # Nothing has begun: all of it. Then 100 + 30 + 10, of which 60 have gone; a step that takes long owes no time.
    assert left({}, RunState.ARMED) == (155, 60, 600, 215)
    assert left(stood, RunState.RUNNING) == (140, 60, 600, 200)
    assert left(stood, RunState.RUNNING, save=60) == (80, 60, 600, 140)
    assert left(stood, RunState.PAUSED, save=900) == (40, 60, 600, 100)
    # What is skipped is neither done nor taken back.
    assert left({**stood, "switch": Stood(SKIPPED)}, RunState.RUNNING, save=60) == (50, 20, 600, 70)
    # On the way back only that is left, and past the point of no return nothing that the window has to hold.
    assert left(stood, RunState.ROLLING_BACK) == (0, 20, 0, 20)
    past = {each.id: Stood(PASSED, (0,)) for each in book.steps[:5]} | {"watch": Stood(StepState.RUNNING)}
    assert left(past, RunState.BAKING, watch=200) == (0, 0, 400, 0)


def test_the_plan_says_every_step_in_words() -> None:
    found = plan(small(), Timings(), NOW, NOW + timedelta(hours=1), "test")
    steps = {each.id: each for each in found.steps}
    assert steps["shut"].command == "/opt/site.sh maintenance on"
    assert steps["shut"].probes == ('http://front/ answers 503 and says "maintenance", 3 times in a row (within 30s)',)
    assert steps["save"].probes == ("gate backup.mongo is open (within 30s)",)
    assert steps["save"].command == "devora-console backup mongo --out '{run_dir}/mongo'"
    rollbacks = {name: step.rollback.p95 if step.rollback else None for name, step in steps.items()}
    assert rollbacks == {"preflight": 0, "shut": 20, "save": 20, "switch": 60, "open": None, "watch": None}
    assert found.point_of_no_return == steps["open"]
    assert [each.scope for each in found.approvals] == ["run", "open"]
    assert [each.step for each in found.rollback] == ["switch", "save", "shut"]
    to_json(found)
