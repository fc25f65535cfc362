"""Verdicts: only where figures bear them, and never about what was not there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from devora_console.bench.compare import compare
from devora_console.bench.earlier import places_in, series_of
from devora_console.bench.judge import Agreement, Reached, Verdict, goal, lines
from devora_console.bench.model import Question
from devora_console.bench.result import Asked, Place, Result, Subject
from devora_console.bench.statistics import Change
from devora_console.config.bench import BenchSettings
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from tests.bench.fakes import AT, MANNER, NOT_THERE, asked, result, series

SETTINGS = BenchSettings()
SLOW, FAST = series(145.0, 150.0, 160.0), series(42.0, 40.0, 44.0)


def one(question: Asked, **more: Any) -> tuple[Verdict, str]:
    found = lines(result(question, **more), SETTINGS)[0]
    return found.verdict, found.why


def test_faster_slower_and_neither() -> None:
    assert one(asked(SLOW, FAST)) == (Verdict.FASTER, "")
    assert one(asked(FAST, SLOW)) == (Verdict.SLOWER, "")
    wild = series(10.0, 300.0, 20.0, 150.0, 90.0, 500.0, 5.0)
    assert one(asked(wild, series(300.0, 10.0, 150.0, 20.0, 500.0, 90.0, 5.0)))[0] is Verdict.UNCLEAR


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (asked(series(100.0, subjects=19), series(10.0, subjects=19)), "only 19 users: 20 are needed"),
        (asked(SLOW, series(42.0, errors=1, error="boom")), "PostgreSQL: 1 asks failed (boom)"),
        (asked(series(145.0, timeouts=2), FAST), "MongoDB: 2 asks were cut off"),
        (asked(SLOW, series(42.0, digest="b")), "the answers differ for 30 of 30 users"),
        (asked(SLOW, Unknown("it failed: no table")), "it failed: no table"),
        (asked(NOT_THERE, FAST, missing={"mongo": "-"}), "Not available (manual implementation)"),
    ],
)
def test_no_verdict_where_something_stands_against_it(question: Asked, why: str) -> None:
    verdict, said = one(question)
    assert verdict is Verdict.NONE
    assert said.startswith(why)


def test_a_few_differing_answers_are_told_and_many_withhold_the_verdict() -> None:
    other = replace(FAST, digests=("b", *FAST.digests[1:]), counts=(3, *FAST.counts[1:]))
    line = lines(result(asked(SLOW, other)), SETTINGS)[0]
    assert line.agreement == Agreement(30, 1, (2, 3))
    assert line.verdict is Verdict.FASTER
    assert lines(result(asked(SLOW, other)), SETTINGS.model_copy(update={"differing_percent": 0.0}))[0].why
    counted = lines(result(asked(SLOW, series(42.0, digest="b"), same="count")), SETTINGS)[0]
    assert counted.agreement == Agreement(30, 0, None)


def test_times_of_a_busy_machine_are_not_judged_against_each_other() -> None:
    question = asked(SLOW, FAST)
    assert one(question, kind="after", load=0.2, load_before=0.1)[0] is Verdict.FASTER
    for now, then in ((3.0, 0.1), (0.1, None), (0.1, 3.0)):
        verdict, why = one(question, kind="after", load=now, load_before=then)
        assert verdict is Verdict.NONE
        assert "busy machine" in why
    assert one(question, load=3.0)[0] is Verdict.FASTER  # they took turns


@dataclass(frozen=True)
class _Known:
    """A question, as far as it is looked for in an earlier result."""

    digest: str
    id: str = "user-projects"


def _question(digest: str) -> Question:
    return cast("Question", _Known(digest))


def _goal(found: Result) -> Reached:
    return goal(found, lines(found, SETTINGS), SETTINGS).reached


def test_the_goal_is_reached_by_every_question_or_not_shown() -> None:
    assert _goal(result(asked(SLOW, FAST))) is Reached.YES
    assert _goal(result(asked(SLOW, FAST), asked(SLOW, series(100.0), id="other"))) is Reached.NO
    few = asked(series(145.0, subjects=3), series(42.0, subjects=3), id="few")
    assert _goal(result(asked(SLOW, FAST), few)) is Reached.UNSHOWN
    assert _goal(result(asked(NOT_THERE, FAST, missing={"mongo": "-"}))) is Reached.UNSHOWN
    assert _goal(result(asked(SLOW, FAST), stand_in="nx does not answer buildInfo")) is Reached.UNSHOWN


def test_what_was_measured_before_is_found_again_by_whom_it_was_asked_for() -> None:
    before = result(asked(SLOW, Unknown("not asked")), kind="before")
    now = (Subject({"user": "u7"}), Subject({"user": "new"}), Subject({"user": "u2", "word": "w"}))
    assert places_in(before.subjects, now) == [7, None, 2]
    wanted = [_question("d")]
    found = series_of(before, now, wanted, MANNER)["user-projects"]
    assert not isinstance(found, Unknown)
    assert found.samples == (SLOW.samples[7], (), SLOW.samples[2])
    assert found.counts == (2, None, 2)
    changed = series_of(before, now, [_question("e")], MANNER)["user-projects"]
    assert isinstance(changed, Unknown)
    assert "is not what it was" in changed.reason
    other = series_of(before, now, wanted, replace(MANNER, concurrency=8))["user-projects"]
    assert isinstance(other, Unknown)
    assert "4 at a time before, 8 now" in other.reason


def test_two_results_are_compared_side_by_side() -> None:
    calm: dict[str, Any] = {"load": 0.1}
    first = result(asked(SLOW, FAST), **calm)
    second = result(asked(SLOW, series(84.0, 80.0, 88.0)), **calm, client={"machine": "another"})
    assert isinstance(second.mongo, Place)
    second = replace(second, mongo=replace(second.mongo, at=AT + timedelta(days=1)))
    found = compare(first, second, SETTINGS)
    assert [each.pair for each in found.pairs] == [("postgres", "postgres"), ("mongo", "mongo")]
    change = found.pairs[0].lines[0].changes["average"]
    assert isinstance(change, Change)
    assert change.percent == pytest.approx(100)
    assert found.pairs[0].lines[0].verdict is Verdict.SLOWER
    assert any("machine then" in note for note in found.notes)
    before = result(asked(SLOW, Unknown("not asked")), kind="before", **calm)
    after = result(asked(Unknown("not asked"), FAST), kind="after", **calm)
    crossed = compare(before, after, SETTINGS)
    assert [each.pair for each in crossed.pairs] == [("mongo", "postgres")]
    assert crossed.pairs[0].lines[0].verdict is Verdict.FASTER
    taken = replace(after, mongo=before.mongo, questions=(asked(SLOW, FAST),))
    assert [each.pair for each in compare(before, taken, SETTINGS).pairs] == [("mongo", "postgres")]
    with pytest.raises(ConsoleError, match="is the same measurement"):
        compare(taken, before, SETTINGS)
    with pytest.raises(ConsoleError, match="not measured in the same way"):
        compare(first, replace(second, manner=replace(MANNER, concurrency=1)), SETTINGS)
    with pytest.raises(ConsoleError, match="no question was measured in both"):
        compare(first, replace(second, questions=(asked(SLOW, FAST, digest="x"),)), SETTINGS)


def test_a_comparison_says_that_a_stand_in_is_none_of_mongodb() -> None:
    before = result(asked(SLOW, Unknown("not asked")), kind="before", stand_in="it answers no buildInfo", load=0.1)
    after = result(asked(Unknown("not asked"), FAST), kind="after", load=0.1)
    assert any("is NOT MongoDB: it answers no buildInfo" in each for each in compare(before, after, SETTINGS).notes)
