"""``bench`` as people and scripts use it, against real servers: the stand-in of the tests, and PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from devora_console.config.secret import Dsn
from tests.bench.conftest import execute
from tests.bench.world import PEOPLE, name
from tests.cli.conftest import Run

SMALL = ("--rounds", "1", "--subjects", "20", "--concurrency", "2")
OWN = """
format = 1
name = "team"

[[question]]
id = "broken"
title = "A table that is not there"
answer = "ids"
mongo = [{ collection = "users", find = { id = "{user}" }, answer = "/id" }]
[question.postgres]
sql = "SELECT id FROM public.nowhere WHERE user_id = {user}::uuid"

[[question]]
id = "everybody"
title = "Users, past row-level security"
answer = "count"
mongo = [{ collection = "users", aggregate = [{ "$match" = {} }], answer = "/id" }]
[question.postgres]
sql = "SELECT id FROM public.users"
"""


def by_id(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in document["queries"]}


def test_both_sides_answer_the_same_and_what_stood_there_is_said(
    run: Run, both: dict[str, str], tmp_path: Path
) -> None:
    only = ("--only", "user-projects", "--only", "open-conversation", "--only", "full-text", "--only", "user-invoices")
    document = run("bench", "latency", *SMALL, *only, "--only", "search-conversations", "--json", **both).json()
    queries = by_id(document)
    assert document["kind"] == "both"
    assert document["subjects"] == 20
    for each in ("user-projects", "open-conversation", "user-invoices", "search-conversations"):
        found = queries[each]
        assert found["mongo"]["n"] == found["postgres"]["n"] == 20
        assert found["answers"] == {"compared": 20, "differing": 0, "example": None}, each
        low, high = found["interval"]
        assert low <= found["change_percent"] <= high
        assert found["mongo"]["p99"]["unknown"] == "needs 100 measurements, there are 20"
    assert queries["full-text"]["mongo"] == {"unknown": "Not available (manual implementation)", "remedy": ""}
    assert queries["full-text"]["postgres"]["n"] == 20
    mongo, postgres = document["sides"]["mongo"], document["sides"]["postgres"]
    assert "does not answer buildInfo as MongoDB does" in mongo["stand_in"]
    assert postgres["asked_as"] == "app_user, row-level security applies"
    assert postgres["sizes"]["users"] == len(PEOPLE)
    assert mongo["distance_ms"] > 0
    assert document["goal"]["reached"] == "not shown"
    # Nothing of anybody is in the file.
    kept = Path(document["path"]).read_text()
    assert not any(each.id in kept or each.title in kept for each in PEOPLE)
    shown = run("bench", "show", "--only", "user-projects", **both)
    assert "NOT MongoDB" in shown.out
    assert "Find user projects" in shown.out
    exported = run("bench", "export", "--markdown", "--out", "report.md", **both)
    assert exported.code == 0
    report = (tmp_path / "report.md").read_text()
    assert "### Before (a stand-in for MongoDB)" in report
    assert "- Not available (manual implementation)" in report
    assert run("bench", "list", "--json", **both).json()["results"][0]["id"] == document["id"]


async def test_before_is_kept_for_when_mongo_is_gone(run: Run, both: dict[str, str], postgres: Dsn) -> None:
    gone = {**both, "MONGO_URL": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"}
    gone["DEVORA_CONSOLE__MONGO__SERVER_SELECTION_TIMEOUT_SECONDS"] = "0.2"
    only = ("--only", "user-projects", "--only", "user-invoices")
    assert run("bench", "latency", *SMALL, *only, **gone).code == 3
    nothing_yet = {**both, "POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/nowhere"}
    before = run("bench", "latency", "--before", *SMALL, *only, "--subjects", "22", "--json", **nothing_yet).json()
    assert "drawn from MongoDB alone" in before["notes"][0]
    assert by_id(before)["user-projects"]["postgres"]["unknown"] == "not asked in this run"
    # Since then one user has left, and one has lost an invoice.
    await execute(postgres, f"DELETE FROM public.users WHERE id = '{PEOPLE[3].id}'")  # noqa: S608 - our ids
    await execute(postgres, f"DELETE FROM public.invoices WHERE id = '{name('invoices 5 0')}'")  # noqa: S608
    after = run("bench", "latency", *only, "--json", **gone)
    document = after.json()
    found = by_id(document)
    assert document["kind"] == "after"
    assert document["against"] == before["id"]
    assert "MongoDB was not there" in document["notes"][0]
    assert document["manner"]["rounds"] == 1  # as before
    assert document["manner"]["concurrency"] == 2
    compared = document["subjects"]
    assert 20 <= compared <= 22
    assert found["user-projects"]["mongo"]["n"] == found["user-projects"]["postgres"]["n"] == compared
    assert found["user-projects"]["answers"]["differing"] == 0
    # Whether they were drawn or not, nothing else may differ.
    assert found["user-invoices"]["answers"]["differing"] in (0, 1)
    other = run("bench", "latency", "--after", "--concurrency", "3", "--only", "user-projects", "--json", **gone).json()
    assert other["queries"][0]["mongo"]["unknown"] == "not measured in the same way: 2 at a time before, 3 now"
    compare = run("bench", "compare", before["id"], document["id"], "--json", **gone).json()
    assert [each["pair"] for each in compare["pairs"]] == [["mongo", "postgres"]]


async def test_a_failing_question_and_a_differing_answer_are_said(
    run: Run, both: dict[str, str], mongo_client: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    projects = mongo_client[both["DB_NAME"]]["projects"]
    for each in PEOPLE[:12]:
        projects.insert_one({"user_id": each.id, "id": name(f"late {each.number}"), "name": "Late"})
    only = ("--only", "broken", "--only", "everybody", "--only", "user-projects", "--only", "semantic")
    env = {**both, "DEVORA_CONSOLE__EMBED__PROVIDER": "hash"}  # loads fast
    ended = run("bench", "latency", *SMALL, "--questions", "own.toml", *only, "--json", **env)
    document = ended.json()
    assert ended.code == 1
    found = by_id(document)
    assert "public.nowhere" in found["broken"]["postgres"]["unknown"]
    assert found["broken"]["verdict"] == "no verdict"
    unknown = found["semantic"]["postgres"]["unknown"]
    assert "there are no vectors" in unknown or "pgvector is not here" in unknown  # not every server has it
    # Row-level security shows a user nobody else: that the answers differ is the truth.
    assert found["everybody"]["answers"]["differing"] == 20
    assert found["user-projects"]["answers"]["differing"] >= 8
    assert "the answers differ" in found["user-projects"]["why"]
    codes = [each["code"] for each in document["problems"]]
    assert codes.count("bench_failed") == 2
    assert codes.count("bench_answers") == 2
    text = run("bench", "show", **both)
    assert text.code == 1
    assert "A table that is not there: PostgreSQL: it failed" in text.out


def test_what_cannot_be_asked_is_refused_in_one_line(run: Run, both: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace("sql =", "sqll ="))
    for words, said in (
        (("latency", "--before", "--after"), "exclude each other"),
        (("latency", "--rounds", "2", "--seconds", "2"), "exclude each other"),
        (("latency", "--only", "user-project"), "did you mean 'user-projects'?"),
        (("latency", "--questions", "own.toml"), "own.toml:11: question[broken].postgres.sqll: unknown key"),
        (("latency", "--with", "x"), "--with goes with --after"),
        (("show", "x"), "no result x"),
        (("export",), "no result last"),
    ):
        ended = run("bench", *words, **both)
        assert ended.code == 2, words
        assert said in ended.err
        assert ended.err.count("\n") == 1
    away = {**both, "POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/nowhere"}
    for options in ([], ["--compare"], ["--after"]):
        assert run("bench", "latency", *options, **away).code == 3
    no_role = {**both, "DEVORA_CONSOLE__SEARCH__ROLE": "nobody_of_that_name"}
    ended = run("bench", "latency", "--after", **no_role)
    assert ended.code == 2
    assert "the role nobody_of_that_name cannot be taken" in ended.err
    assert "Nothing is kept yet" in run("bench", "list", **both).out


@pytest.mark.slow
def test_semantic_search_is_told_with_and_without_its_vector(run: Run, both: dict[str, str]) -> None:
    env = {**both, "DEVORA_CONSOLE__EMBED__PROVIDER": "hash"}  # loads fast
    embedded = run("embed", "run", **env)
    if "does not offer it" in embedded.err:
        pytest.skip("this server has no pgvector")
    assert embedded.code == 0
    ended = run("bench", "latency", *SMALL, "--only", "semantic", "--json", **env)
    found = ended.json()["queries"][0]
    assert found["postgres"]["n"] == found["postgres_without_embedding"]["n"] == 20
    assert found["postgres_without_embedding"]["average"] < found["postgres"]["average"]
    assert json.loads(ended.out)["queries"][0]["mongo"]["unknown"] == "Not available"
