"""``search`` as scripts and people use it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devora_console.cli.search_command import command
from devora_console.cli.search_knobs import Turned
from devora_console.search.model import LEGS, Asked, Filters, Knobs, Method
from devora_console.tui.render.search_command import command_of
from tests.cli.conftest import Run, run
from tests.search.world import ALICE, World, execute, name

__all__ = ["run"]  # the fixture
DATA = Path(__file__).parent / "data"


async def test_one_query_through_every_method(run: Run, world: World) -> None:
    env = {"POSTGRES_DSN": world.dsn.reveal()}
    asked = ("fuitte", "mémoire", "--as-user", str(ALICE))
    document = run("search", *asked, "--json", "--explain", "--exact", **env).json()
    assert document["command"] == "search"
    assert set(document["methods"]) == {"fts", "trigram", "semantic", "hybrid"}
    for method in document["methods"].values():
        assert {"results", "took_ms", "asked", "returned", "notes", "sql", "parameters"} <= set(method)
        assert method["results"][0]["entity_id"] == str(name("leak"))
    assert document["fusion"]["k"] == 60
    assert document["neighbours"]["recall"] == 1.0
    assert set(document["plans"]) == {"fts", "trigram", "semantic"}
    shown = run("search", *asked, "--sql", "--method", "hybrid", "--type", "messages", **env)
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert "[bold]" in shown.out
    assert "all are this user's" in shown.out
    assert "trigram  " not in shown.out


CONFIGURED = Knobs()
TURNED = {
    "nothing": CONFIGURED,
    "weights": replace(CONFIGURED, weights={Method.FTS: 1.0, Method.TRIGRAM: 0.0, Method.SEMANTIC: 1.75}),
    "every knob": Knobs(
        weights=dict.fromkeys(LEGS, 0.25),
        k=10,
        candidates=70,
        ef_search=250,
        trigram_threshold=0.35,
        least_similarity=0.15,
        exact=True,
    ),
}


def parsed(line: str) -> dict[str, Any]:
    """What the command takes from a line."""
    return command.commands["for"].make_context("search", shlex.split(line)[1:]).params


def turned(given: dict[str, Any]) -> Turned:
    """The knobs among it."""
    return Turned(**{each: given[each] for each in Turned.__dataclass_fields__})


@pytest.mark.parametrize("knobs", TURNED.values(), ids=TURNED)
def test_a_command_asks_what_the_screen_shows(knobs: Knobs) -> None:
    filters = Filters(("message", "file"))
    line = command_of(Asked("-x 'y'", user=str(ALICE), filters=filters, limit=30, knobs=knobs), CONFIGURED)
    given = parsed(line)
    assert (given["query"], given["as_user"], given["limit"]) == (("-x 'y'",), str(ALICE), 30)
    assert given["kinds"] == ("messages", "files")
    found = replace(turned(given).of(CONFIGURED), exact=given["exact"])
    assert dict(found.weights) == dict(knobs.weights)
    assert replace(found, weights={}, legs=LEGS) == replace(knobs, weights={})
    assert ("--k" in line) is (knobs.k != CONFIGURED.k)


def test_a_knob_is_put_back_where_the_configuration_has_turned_it() -> None:
    configured = replace(CONFIGURED, least_similarity=0.3, legs=(Method.FTS, Method.SEMANTIC))
    line = command_of(Asked("a", as_owner=True), configured)
    assert "--weight trigram=1.0 --nearness any" in line
    assert turned(parsed(line)).of(configured) == CONFIGURED


async def test_knobs_turn_the_answer(run: Run, world: World) -> None:
    env = {"POSTGRES_DSN": world.dsn.reveal()}
    asked = ("search", "mémoire", "--as-user", str(ALICE), "--json")
    knobs = ("--weight", "trigram=0", "--weight", "semantic=0", "--k", "9", "--type", "messages", "--type", "files")
    document = run(*asked, *knobs, **env).json()
    assert document["fusion"]["k"] == 9
    [first, *_] = document["methods"]["hybrid"]["results"]
    assert [part["leg"] for part in first["legs"]] == ["fts"]
    assert {each["entity_type"] for each in document["methods"]["semantic"]["results"]} == {"message", "file"}
    for wrong in ("fts", "words=1", "fts=-1", "fts=nan"):
        assert run(*asked, "--weight", wrong, **env).code == 2, wrong


async def test_what_cannot_be_asked_is_said(run: Run, world: World) -> None:
    env = {"POSTGRES_DSN": world.dsn.reveal()}
    assert run("search", "fuite", **env).code == 2
    assert "--as-user" in run("search", "fuite", **env).err
    assert run("search", "fuite", "--as-user", "me", **env).code == 1
    fast = ("--method", "fts", "--as-user", str(ALICE))
    for text in ("", "'; drop table users"):
        assert run("search", text, *fast, **env).code == 0, text
    assert run("search", *fast, "--", "-fuite", **env).code == 0
    for text in ("-fuite", "-h -fuite", "--amend ne marche pas"):
        for words in ((*fast, "--json", text), (text, *fast, "--json")):
            assert run("search", *words, **env).json()["query"] == text
    assert run("search", "--as-ownr", "fuite", **env).code == 2
    assert "No such option" in run("search", "--as-ownr", "fuite", **env).err
    assert run("search", "fuite", *fast, "--since", "2025-02-01", "--until", "2025-01-01", **env).code == 2
    assert run("search", "for", "suite", "--as-owner", "--method", "fts", "--json", **env).json()["query"] == "suite"
    assert "suite" in run("search", "--help").out
    await execute(world.dsn, "DROP TABLE public.search_documents CASCADE")
    assert (
        run("search", "fuite", "--as-owner", "--method", "fts", "--json", **env).json()["problems"][0]["code"]
        == "no_documents"
    )


async def test_documents_are_refreshed_by_who_may_write(run: Run, world: World) -> None:
    env = {"POSTGRES_DSN": world.dsn.reveal()}
    await execute(world.dsn, "DELETE FROM public.search_documents WHERE entity_type = 'file'")
    assert run("search", "refresh", "--read-only", **env).code == 4
    document = run("search", "refresh", "--json", **env).json()
    assert document["documents"]["file"] == {"written": 3, "removed": 0}
    assert document["words"] > 20


@pytest.mark.slow
async def test_a_suite_before_and_after(run: Run, world: World, tmp_path: Path) -> None:
    env = {"POSTGRES_DSN": world.dsn.reveal(), "DEVORA_CONSOLE__EMBED__PROVIDER": "hash"}  # loads fast
    suite = tmp_path / "live.json"
    leak = {f"conversation/{name('leak')}": 2}
    texts = ("fuite", "mémoire", "worker", "fuite mémoire", "mémoire worker", "fuite worker")
    queries = [{"id": text, "text": text, "judgments": leak} for text in texts]
    suite.write_text(json.dumps({"user": str(ALICE), "queries": queries}))
    ran = run("search", "suite", "run", str(suite), "--json", **env).json()
    assert ran["metrics"]["hybrid"]["mrr"] == 1.0
    assert "there are vectors, but none of hash" in str(ran["metrics"]["semantic"]["mrr"])  # none, which is no 0
    assert ran["n"] == 6
    assert ran["embedder"]["model"].startswith("hash")
    assert run("search", "suite", "compare", str(suite), **env).code == 2  # nothing is recorded
    assert run("search", "suite", "record", str(suite), **env).code == 0
    assert run("search", "suite", "compare", str(suite), **env).code == 0
    await execute(world.dsn, f"DELETE FROM public.conversations WHERE id = '{name('leak')}'")  # noqa: S608 - our id
    worse = run("search", "suite", "compare", str(suite), "--json", **env)
    assert worse.code == 1
    assert worse.json()["problems"][0]["code"] == "search_worse"
    assert worse.json()["comparison"]["losses"][0]["before"] == 1.0
    assert run("search", "suite", "compare", str(suite), "--tolerance", "1", **env).code == 0


async def test_a_suite_with_documents_needs_a_database_of_its_own(run: Run, world: World) -> None:
    dev, env = str(DATA / "judged_fr_dev.json"), {"POSTGRES_DSN": world.dsn.reveal()}
    assert run("search", "suite", "run", dev, "--read-only", **env).code == 4


@pytest.mark.slow
async def test_latency_is_told_for_each_method(run: Run, world: World, tmp_path: Path) -> None:
    queries = tmp_path / "queries.txt"
    queries.write_text("fuite\nc++\n")
    env = {"POSTGRES_DSN": world.dsn.reveal()}
    document = run("search", "bench", str(queries), "--as-user", str(ALICE), "--json", **env).json()
    assert document["latency_ms"]["hybrid"]["count"] == 4
    assert document["latency_ms"]["hybrid"]["timeouts"] == 0
