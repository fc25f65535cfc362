"""Catalogues: what comes with the console, what a team adds, and what is wrong with a file, by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from devora_console.bench.draw import needed
from devora_console.bench.reading import chosen, load_catalogue
from devora_console.core.problems import ConsoleError

HEAD = 'format = 1\nname = "team"\n'
GOOD = """
[[question]]
id = "plans"
title = "Plans of users"
answer = "ids"
mongo = [{ collection = "plans", find = { user_id = "{user}" }, answer = "/id" }]
[question.postgres]
sql = "SELECT id FROM plans WHERE user_id = {user}::uuid"
"""


def test_ours_asks_what_the_guide_asks() -> None:
    found = load_catalogue()
    assert [each.id for each in found.questions] == [
        "user-projects", "search-conversations", "full-text", "semantic", "open-conversation", "user-invoices",
    ]  # fmt: skip
    assert {each.id for each in found.questions if "mongo" in each.missing} == {"full-text", "semantic"}
    assert len({each.digest for each in found.questions}) == 6


def test_a_team_adds_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(HEAD + GOOD + GOOD.replace('"plans"\ntitle', '"user-projects"\ntitle'))
    ours, found = load_catalogue(), load_catalogue(file)
    assert found.name == "devora+team"
    assert [each.id for each in found.questions] == [*(each.id for each in ours.questions), "plans"]
    assert found.questions[0].digest != ours.questions[0].digest
    assert found.questions[1] == ours.questions[1]
    assert found.digest != ours.digest
    assert [each.name for each in needed(found, chosen(found, ("plans",)), ("mongo", "postgres"))] == ["user"]
    titled = needed(found, chosen(found, ("semantic",)), ("postgres",))
    assert [each.name for each in titled] == ["user", "conversation", "title"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "own.toml: holds no question"),
        ("[[question", "own.toml:3: not valid TOML"),
        (
            GOOD.replace("answer = \"ids", "anser = \"ids"),
            "own.toml:7: question[plans].anser: unknown key; did you mean 'answer'?",
        ),
        (GOOD.replace("title =", "titel ="), "question[plans].titel: unknown key; did you mean 'title'?"),
        (GOOD.replace('"ids"', '"order"'), "own.toml:7: question[plans].answer: should be 'ids', 'count' or 'none'"),
        (GOOD.replace('{user}"', '{usr}"'), "own.toml:8: question[plans].mongo[1]: no parameter stands for {usr}; did"),
        (GOOD.replace("{user}::", "{user|lik}::"), "own.toml:10: question[plans].postgres.sql: {user|lik}: after"),
        (GOOD.replace(', answer = "/id"', ""), "question[plans].mongo[1]: the last step needs answer"),
        (GOOD.replace('"/id"', '"id"'), "question[plans].mongo[1].answer: should be a pointer such as '/id'"),
        (GOOD.replace("find = { user_id = \"{user}\" }", "limit = 1"), "give either find or aggregate"),
        (
            GOOD.replace("find = { user_id = \"{user}\" }", "aggregate = [{ \"$match\" = {} }, { \"$out\" = \"x\" }]"),
            "question[plans].mongo[1].aggregate: writes: $out and $merge are refused",
        ),
        (GOOD.replace("[question.postgres]\nsql", "postgres_missing"), ""),
        (GOOD + 'search = { text = "{word}", method = "fts" }', "question[plans].postgres: give either sql or search"),
        (GOOD + GOOD, "own.toml:13: question[plans].id: is there twice"),
        (
            '[[parameter]]\nname = "X"\npostgres = "SELECT 1"\nmongo = []',
            "parameter[1].name: should be a short plain name (and 1 more)",
        ),
        (GOOD.replace("mongo = [", "mongo_missing = \"-\"\nmongo = ["), "give either mongo, or mongo_missing"),
    ],
)  # fmt: skip
def test_mistakes_are_told_by_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(HEAD + text)
    if not said:
        load_catalogue(file)
        return
    with pytest.raises(ConsoleError) as caught:
        load_catalogue(file)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2
