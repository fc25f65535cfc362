"""Suites, metrics, intervals, comparisons and the gate; the development sets, asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devora_console.config.searching import SearchSettings
from devora_console.config.secret import Dsn
from devora_console.config.settings import PostgresSettings, Settings
from devora_console.core.console import Verdict
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.postgres.judging import new_name
from devora_console.search.gates import quality_gate
from devora_console.search.judging.chance import interval
from devora_console.search.judging.compare import compare
from devora_console.search.judging.mark import mark
from devora_console.search.judging.metrics import Score, score
from devora_console.search.judging.record import place, read_run, write_run
from devora_console.search.judging.run import Judged, SuiteRun
from devora_console.search.judging.suite import parse_suite, read_suite, write_suite
from devora_console.search.model import Knobs, Method
from devora_console.services.judged import judge
from tests.search.world import ALICE, World, execute, name

DATA = Path(__file__).parent / "data"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def run_of(scores: list[float], at: datetime = AT, digest: str = "d") -> SuiteRun:
    """A run in which the hybrid has these values for every metric."""
    judged = tuple(Judged(f"q{n}", ("a",), 1, Score(each, each, each, each)) for n, each in enumerate(scores))
    return SuiteRun("s", digest, at, "m", "an embedder", {"vector": "0.8.6"}, Knobs(), {Method.HYBRID: judged})


def test_metrics_count_answers_and_what_is_related() -> None:
    assert score(["a", "b"], {"a": 2}) == Score(1.0, 1.0, 1.0, 1.0)
    assert score([], {"a": 2}) == Score(0.0, 0.0, 0.0, 0.0)
    assert score(["x"] * 5 + ["a"], {"a": 2}).recall_at_5 == 0
    related = score(["b", "a"], {"a": 2, "b": 1})
    assert (related.recall_at_5, related.mrr) == (1.0, 0.5)
    assert 0.7 < related.ndcg_at_10 < 1
    assert score(["b"], {"b": 1, "c": 0}).recall_at_5 == 1.0
    assert score(["c"], {"c": 0}) == Score(0.0, 0.0, 0.0, 0.0)


def test_an_interval_says_how_little_few_queries_say() -> None:
    few = interval([1.0, 0.0] * 5)
    many = interval([1.0, 0.0] * 200)
    assert few.mean == many.mean == 0.5
    assert few.high - few.low > 0.4
    assert many.high - many.low < 0.15
    assert interval([0.0, 1.0]) == interval([0.0, 1.0])


def test_a_comparison_tells_a_loss_from_chance() -> None:
    before = run_of([1.0] * 30)
    watched = (Method.HYBRID,)
    assert not compare(before, before, tolerance=0.02, watched=watched).worse
    chance = compare(before, run_of([1.0] * 29 + [0.0]), tolerance=0.02, watched=watched)
    assert not chance.worse
    assert [loss.query for loss in chance.losses] == ["q29"]
    bad = compare(before, run_of([0.0] * 8 + [0.5] + [1.0] * 21), tolerance=0.02, watched=watched)
    assert {each.metric for each in bad.worse} == {"recall_at_5", "recall_at_10", "mrr", "ndcg_at_10"}
    assert [loss.after for loss in bad.losses] == [0.0] * 8 + [0.5]
    assert not compare(before, run_of([0.0] * 30), tolerance=0.02, watched=(Method.FTS,)).worse
    with pytest.raises(ConsoleError) as raised:
        compare(before, run_of([1.0] * 30, digest="other"), tolerance=0.02, watched=watched)
    assert raised.value.exit_code is ExitCode.USAGE
    other = replace(run_of([1.0] * 30), model="n", versions={"vector": "0.9"})
    assert len(compare(before, other, tolerance=0.02, watched=watched).notes) == 2


def test_a_run_is_kept_as_it_was(tmp_path: Path) -> None:
    path = place(tmp_path / "fr.json")
    assert path.name == "fr.recorded.json"
    run = run_of([1.0, 0.25])
    write_run(path, run)
    assert read_run(path) == run
    path.write_text("{}")
    with pytest.raises(ConsoleError):
        read_run(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"queries": []}, "list of queries"),
        ({"queries": [{"id": "q", "text": "t", "judgments": {"a": 3}}]}, "0, 1 and 2"),
        ({"queries": [{"id": "q", "text": "t", "judgments": {"z": 1}}]}, "no document of the suite"),
        ({"documents": [{"id": "a", "kind": "song", "title": "t"}]}, "of kind 'song'"),
        ({"documents": []}, "message/ID"),
    ],
)
def test_what_is_wrong_in_a_suite_is_named(change: dict[str, object], said: str) -> None:
    raw = {
        "documents": [{"id": "a", "kind": "file", "title": "t"}],
        "queries": [{"id": "q", "text": "t", "judgments": {"a": 2}}],
    }
    parse_suite(raw, "s")
    with pytest.raises(ValueError, match=said):
        parse_suite({**raw, **change}, "s")


def test_a_suite_is_written_as_it_is_read(tmp_path: Path) -> None:
    suite = read_suite(DATA / "judged_fr_dev.json")
    write_suite(tmp_path / "judged_fr_dev.json", suite)
    assert read_suite(tmp_path / "judged_fr_dev.json") == suite
    toml = tmp_path / "s.toml"
    toml.write_text('user = "u"\n[[queries]]\nid = "q"\ntext = "t"\n[queries.judgments]\n"file/1" = 2\n')
    assert read_suite(toml).queries[0].judgments == {"file/1": 2}


@pytest.mark.parametrize(
    "file",
    ["judged_fr_dev.json", *(pytest.param(f"judged_fr_{each}.json", marks=pytest.mark.slow) for each in ("third",))],
)
async def test_the_hybrid_wins_on_judged_sets_and_leaves_nothing_behind(
    file: str, postgres_admin: Dsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_name()
    monkeypatch.setattr("devora_console.services.judged.new_name", lambda: made)
    settings = Settings(postgres=PostgresSettings(dsn=postgres_admin))
    run = await judge(settings, read_suite(DATA / file))
    hybrid = run.figures(Method.HYBRID)
    assert hybrid.metrics["recall_at_5"].mean >= 0.85
    assert run.best() is Method.HYBRID
    assert run.model
    assert run.versions["vector"]
    assert made not in {row["datname"] for row in await execute(postgres_admin, "SELECT datname FROM pg_database")}


async def test_a_suite_about_the_live_documents(world: World, tmp_path: Path) -> None:
    path = tmp_path / "live.json"
    judgments = {f"conversation/{name('leak')}": 2, f"message/{name('leak 1')}": 1}
    path.write_text(json.dumps({"queries": [{"id": "q", "text": "fuite mémoire", "judgments": judgments}]}))
    with pytest.raises(ConsoleError, match="as which user"):
        await judge(world.settings, read_suite(path))
    run = await judge(world.settings, read_suite(path), user=str(ALICE))
    assert run.judged[Method.HYBRID][0].score.mrr == 1.0
    other = await judge(world.settings, read_suite(path), user=str(name("stranger")))
    assert other.judged[Method.HYBRID][0].score.mrr == 0.0
    assert other.figures(Method.HYBRID).zero == 1


async def test_a_suite_judged_as_owner_is_asked_as_owner(world: World, tmp_path: Path) -> None:
    path = tmp_path / "owner.json"
    suite = mark(path, "fuite mémoire DKIM", None, f"message/{name('mail 1')}", 2)
    assert suite.as_owner
    run = await judge(world.settings, read_suite(path))
    assert run.judged[Method.FTS][0].score.mrr == 1.0
    alone = await judge(world.settings, read_suite(path), user=str(ALICE))
    assert alone.judged[Method.FTS][0].score.mrr == 0.0  # it is Bob's
    with pytest.raises(ConsoleError, match="judged as owner"):
        mark(path, "x", str(ALICE), f"file/{name('jwt')}", 1)
    users = tmp_path / "user.json"
    mark(users, "x", str(ALICE), f"file/{name('jwt')}", 1)
    with pytest.raises(ConsoleError, match="judged as user"):
        mark(users, "x", None, f"file/{name('jwt')}", 1)
    queries = [{"id": "q", "text": "t", "judgments": {"file/1": 2}}]
    assert (
        parse_suite({"queries": queries}, "s").digest != parse_suite({"queries": queries, "as_owner": True}, "s").digest
    )
    with pytest.raises(ValueError, match="says nothing"):
        parse_suite({"queries": queries, "as_owner": True, "user": "u"}, "s")


async def test_the_gate_speaks_of_the_latest_comparison(tmp_path: Path) -> None:
    suite = tmp_path / "s.json"
    suite.write_text('{"queries": [{"id": "q0", "text": "t", "judgments": {"file/1": 2}}]}')
    digest = read_suite(suite).digest
    settings = SearchSettings(suite=suite)

    async def verdict() -> Verdict:
        return (await quality_gate(settings).measure()).verdict

    assert (await quality_gate(SearchSettings()).measure()).verdict is Verdict.UNKNOWN
    assert await verdict() is Verdict.UNKNOWN  # not recorded
    write_run(place(suite), run_of([1.0] * 30, digest=digest))
    assert await verdict() is Verdict.UNKNOWN  # not compared
    write_run(place(suite, "compared"), run_of([1.0] * 30, AT - timedelta(days=1), digest))
    assert await verdict() is Verdict.UNKNOWN  # compared with what was recorded before
    write_run(place(suite, "compared"), run_of([1.0] * 30, AT + timedelta(days=1), digest))
    good = await quality_gate(settings).measure()
    assert good.verdict is Verdict.OK
    assert good.true_at == AT + timedelta(days=1)
    write_run(place(suite, "compared"), run_of([0.0] * 30, AT + timedelta(days=1), digest))
    assert await verdict() is Verdict.FAIL
