"""Rounds: turns between the sides, warm-up that is not counted, a bound on what is under way, and what fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from devora_console.bench.draw import draw
from devora_console.bench.model import Parameter, Question
from devora_console.bench.result import Series, Subject
from devora_console.bench.runner import Runner
from devora_console.bench.sides import QuestionFailed, Reply, digest
from devora_console.core.problems import ConsoleError, connect_error
from devora_console.core.unknown import Unknown
from tests.bench.fakes import MANNER, FakeSide


def question(name: str, **missing: str) -> Question:
    return Question(name, name, "", "ids", (), "SELECT 1", missing)


def runner(*sides: FakeSide, questions: tuple[Question, ...] = (question("a"),), **more: Any) -> Runner:
    values = {side.name: tuple({"user": str(at)} for at in range(6)) for side in sides}
    manner = replace(MANNER, rounds=2, concurrency=3)
    return Runner(sides, questions, values, more.pop("manner", manner), lambda line: None, **more)


async def test_the_sides_take_turns_and_neither_is_asked_while_the_other_is() -> None:
    log: list[tuple[str, str]] = []
    mongo, postgres = FakeSide("mongo", log=log), FakeSide("postgres", log=log)
    found, rounds = await runner(mongo, postgres).run()
    assert rounds == 2
    assert mongo.most == postgres.most == 3
    blocks = [(side, len(list(each))) for side, each in groupby(side for side, _ in log)]
    # The warm-up begins with MongoDB, the first counted round with PostgreSQL, and so on.
    assert blocks == [("mongo", 6), ("postgres", 12), ("mongo", 12), ("postgres", 6)]
    one = found["a", "mongo"]
    assert isinstance(one, Series)
    assert one.n == 12  # without the warm-up
    assert one.counts == (1,) * 6
    assert one.apart is None


async def test_what_a_side_does_not_have_is_not_asked() -> None:
    mongo, postgres = FakeSide("mongo"), FakeSide("postgres")
    asked = (question("a", mongo="Not available"), question("b"))
    found, _ = await runner(mongo, postgres, questions=asked).run()
    assert set(found) == {("a", "postgres"), ("b", "mongo"), ("b", "postgres")}


async def test_failures_are_counted_and_a_question_that_always_fails_is_asked_one_round() -> None:
    def moody(asked: Question, values: Mapping[str, Any]) -> Reply:
        if asked.id == "broken":
            raise QuestionFailed("no such table")
        if values["user"] == "1":
            raise QuestionFailed("moody")
        if values["user"] == "2":
            raise TimeoutError
        return Reply(["x"], 0.5)

    side = FakeSide("postgres", moody)
    found, _ = await runner(side, questions=(question("broken"), question("b"))).run()
    broken, other = found["broken", "postgres"], found["b", "postgres"]
    assert isinstance(broken, Unknown)
    assert "no such table" in broken.reason
    assert sum(name == "broken" for _, name in side.log) == 6
    assert isinstance(other, Series)
    assert (other.errors, other.error, other.timeouts, other.n) == (2, "moody", 2, 10)
    assert other.samples[1] == ()
    assert other.samples[2] == (10_000.0, 10_000.0)  # cut off counts as the limit
    assert other.apart is not None
    assert other.apart[0] == (0.5, 0.5)
    assert other.without is not None
    assert other.without[0][0] == pytest.approx(other.samples[0][0] - 0.5)


async def test_a_question_that_never_ends_is_given_up() -> None:
    def hanging(asked: Question, values: Mapping[str, Any]) -> Reply:
        raise TimeoutError

    side = FakeSide("mongo", hanging)
    found, _ = await runner(side).run()
    never = found["a", "mongo"]
    assert isinstance(never, Unknown)
    assert never.reason == "it failed: 6 asks one after another took over 10 s"
    assert len(side.log) == 6
    with pytest.raises(ConsoleError, match="mongo does not answer"):
        await runner(FakeSide("mongo", hanging, gone=True)).run()


async def test_a_side_that_is_lost_ends_the_run() -> None:
    def lost(asked: Question, values: Mapping[str, Any]) -> Reply:
        raise connect_error("gone", "PostgreSQL is gone")

    with pytest.raises(ConsoleError, match="PostgreSQL is gone"):
        await runner(FakeSide("postgres", lost)).run()


async def test_seconds_mean_whole_rounds() -> None:
    found, rounds = await runner(FakeSide("mongo"), until=0.000_001).run()
    assert rounds == 1
    one = found["a", "mongo"]
    assert isinstance(one, Series)
    assert all(len(each) == 1 for each in one.samples)


USER, TALK, WORD = (
    Parameter("user", "", "SELECT", ()),
    Parameter("talk", "", "SELECT {user}", ()),
    Parameter("word", "", "SELECT {talk}", (), take="word"),
)


def _listing(values: Mapping[str, Any], people: range) -> dict[str, list[tuple[str, Any]]]:
    return {
        "user": [(f"k{at}", f"{values['side']}{at}") for at in people],
        "talk": [("t1", 1), ("t2", 2), (f"only {values['side']}", 3)],
        "word": [("Le panier plein", "Le panier plein")],
    }


async def test_only_what_both_sides_have_is_drawn_and_the_seed_decides() -> None:
    mongo = FakeSide("mongo", listing=_listing({"side": "m"}, range(40)))
    postgres = FakeSide("postgres", listing=_listing({"side": "p"}, range(20, 60)))
    drawn = await draw([USER, TALK, WORD], [mongo, postgres], seed=1, wanted=8)
    assert len(drawn.subjects) == 8
    for ours, theirs in zip(drawn.values["mongo"], drawn.values["postgres"], strict=True):
        assert ours["user"][1:] == theirs["user"][1:]
        assert 20 <= int(ours["user"][1:]) < 40
        assert ours["talk"] == theirs["talk"] in (1, 2)
        assert ours["word"] == theirs["word"] in ("panier", "plein")
    assert drawn == await draw([USER, TALK, WORD], [mongo, postgres], seed=1, wanted=8)
    other = await draw([USER, TALK, WORD], [mongo, postgres], seed=2, wanted=8)
    assert other.subjects != drawn.subjects
    many = await draw([USER], [mongo, postgres], seed=1, wanted=30)
    assert len(many.subjects) == 20
    assert "30 users were wanted; of 20 that are on both sides, 20 have what is asked for" in many.notes[0]
    # No text and no id is in what is kept.
    assert all(len(each) == 16 for subject in drawn.subjects for each in subject.keys.values())
    again = await draw([USER, TALK, WORD], [postgres], seed=9, wanted=8, kept=drawn.subjects)
    assert again.subjects == drawn.subjects
    assert again.values["postgres"] == drawn.values["postgres"] or again.values["postgres"][0]["talk"] in (1, 2)
    kept = (Subject({"user": digest("gone")}), *drawn.subjects)
    less = await draw([USER, TALK, WORD], [postgres], seed=1, wanted=8, kept=kept)
    assert less.subjects == drawn.subjects
    assert less.notes == ("1 of the 9 users asked before are no longer there as they were.",)


async def test_nobody_to_ask_for_is_said() -> None:
    mongo = FakeSide("mongo", listing={"user": [("a", 1)]})
    with pytest.raises(ConsoleError, match="no user is there on both sides"):
        await draw([USER], [mongo, FakeSide("postgres")], seed=1, wanted=3)
    with pytest.raises(ConsoleError, match=r"no user has what is asked for \(talk\)"):
        await draw([USER, TALK], [mongo], seed=1, wanted=3)


async def test_an_error_that_is_kept_names_no_value() -> None:
    def quoting(asked: Question, values: Mapping[str, Any]) -> Reply:
        if values["user"] == "user-3":
            raise QuestionFailed(f'invalid input: "{values["user"]}"')
        return Reply(["1"])

    side = FakeSide("postgres", answer=quoting)
    values = {"postgres": tuple({"user": f"user-{at}"} for at in range(6))}
    found, _ = await Runner([side], (question("a"),), values, replace(MANNER, rounds=1), lambda line: None).run()
    kept = found["a", "postgres"]
    assert isinstance(kept, Series)
    assert kept.error == 'invalid input: "…"'
