"""Statement text cut, counted and classified before the server is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.lexer import tokens
from devora_console.postgres.plans.statement import Statement, must_not_run, read_statement

_PIECES = (
    "'", '"', "$", "$$", "$a$", "$1", "E'", "U&'", 'u&"', "\\", "/*", "*/", "--", "\n", "\r", " ", ";", "(", ")", "''",
    "é", "a", "1", "1e", "B'", "select", ",",
)  # fmt: skip
_HOSTILE = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=20).map("".join)
_INSIDE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def _kinds(text: str) -> list[str]:
    return [f"{token.kind.value}:{token.text}" for token in tokens(text)]


@given(_HOSTILE)
def test_every_character_is_in_one_token_or_white_space(text: str) -> None:
    every = list(tokens(text))
    at = 0
    for token in every:
        start = text.index(token.text, at)
        assert not text[at:start].strip(" \t\n\r\f\v")
        at = start + len(token.text)
    assert not text[at:].strip(" \t\n\r\f\v")
    assert all(token.closed for token in every[:-1])


@given(_HOSTILE)
def test_nothing_breaks_the_reading(text: str) -> None:
    found = read_statement(text)
    if isinstance(found, Statement):
        assert found.text in text
        must_not_run(found)


_ENCLOSED = {
    "string": lambda inside: "'" + inside.replace("'", "''") + "'",
    "escapes": lambda inside: "E'" + inside.replace("\\", "\\\\").replace("'", "\\'") + "'",
    "dollar": lambda inside: "$q$" + inside.replace("$", "") + "$q$",
    "name": lambda inside: '"' + inside.replace('"', '""') + '"',
    "unicode name": lambda inside: 'U&"' + inside.replace('"', '""') + '"',
    "unicode string": lambda inside: "u&'" + inside.replace("'", "''") + "'",
    "comment": lambda inside: "/*" + inside.replace("*", "").replace("/", "") + "*/",
    "nested": lambda inside: "/* /*" + inside.replace("*", "").replace("/", "") + "*/ ; */",
}


@pytest.mark.parametrize("way", _ENCLOSED)
@given(inside=_INSIDE)
def test_what_is_quoted_hides_no_statement_and_no_parameter(way: str, inside: str) -> None:
    for text in (f"{inside};$7", "; drop table t; $7"):
        found = read_statement(f"select 1, {_ENCLOSED[way](text)} x")
        assert isinstance(found, Statement)
        assert found.parameters == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a$1", ["word:a$1"]),
        ("$1$2", ["parameter:$1", "parameter:$2"]),
        ("a /* b /* c */ ; */ d", ["word:a", "comment:/* b /* c */ ; */", "word:d"]),
        ("a--b;\rc", ["word:a", "comment:--b;", "word:c"]),
        ("'a\\';b", ["string:'a\\'", "end:;", "word:b"]),
        ("e'a\\';b'", ["string:e'a\\';b'"]),
        ("E'a'\n'b\\';'", ["string:E'a'\n'b\\';'"]),
        ("E'a' -- x\n '\\';'", ["string:E'a' -- x\n '\\';'"]),
        ("E'a' '\\';'", ["string:E'a'", "string:'\\'", "end:;", "string:'"]),
        ("fe'\\';", ["word:fe", "string:'\\'", "end:;"]),
        ("1E'\\';'", ["number:1", "string:E'\\';'"]),
        ("$a$;$b$;$a$;", ["string:$a$;$b$;$a$", "end:;"]),
        ("x$a$;$a$", ["word:x$a$", "end:;", "string:$a$"]),
        ("$é$;$é$", ["string:$é$;$é$"]),
        ("$1a$;$1a$", ["parameter:$1", "word:a$", "end:;", "parameter:$1", "word:a$"]),
        ('U&"a;""b"', ['name:U&"a;""b"']),
        ("a*/*;*/b", ["word:a", "sign:*", "comment:/*;*/", "word:b"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert _kinds(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no statement"),
        (" ;; -- nothing\n /* */", "no statement"),
        ("select 'abc", "cut off: it ends inside a string"),
        ('select "abc', "cut off: it ends inside a quoted name"),
        ("select 1 /* abc", "cut off: it ends inside a comment"),
        ("select $$abc", "cut off: it ends inside a string"),
        ("select f(1", "cut off: it ends inside brackets"),
        ("select 1)", "closes a bracket"),
        ("select 1; select 2", "2 statements"),
        ("select 1; drop table t", "2 statements"),
        ("vacuum t", "VACUUM has no plan"),
        ("set x = $1", "SET has no plan"),
        ("explain select 1", "EXPLAIN already"),
        ("<insufficient privilege>", "hidden from this user"),
        ("select 'a\0b'", "zero byte"),
        ("select $99999999999", "beyond"),
    ],
)
def test_what_has_no_plan_is_told_why(text: str, words: str) -> None:
    found = read_statement(text)
    assert isinstance(found, Unknown)
    assert words in found.reason


@pytest.mark.parametrize(
    ("text", "parameters", "squashed", "kept"),
    [
        ("select 1;", 0, False, "select 1"),
        ("/* tag */ select $2 -- $9\n;", 2, False, "select $2"),
        ("select * from t where a in ($1 /*, ... */)", 1, True, None),
        ("select '$1 /*, ... */'", 0, False, None),
        ("((select 1) union (values (2)))", 0, False, None),
        ("create table x as select 1", 0, False, None),
        ("with x as (select 1) delete from t", 0, False, None),
    ],
)
def test_what_has_a_plan(text: str, parameters: int, squashed: bool, kept: str | None) -> None:
    found = read_statement(text)
    assert isinstance(found, Statement)
    assert (found.parameters, found.squashed) == (parameters, squashed)
    assert found.text == (text if kept is None else kept)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("insert into t values (1)", "INSERT"),
        ("update t set a = 1", "UPDATE"),
        ("with x as (delete from t returning *) select * from x", "DELETE"),
        ("with x as materialized (/* */ UPDATE t set a = 1 returning *) select 1", "UPDATE"),
        ("with x as (select 1) merge into t using x on true when matched then do nothing", "MERGE"),
        ("create table x as select 1", "single SELECT"),
        ("declare c cursor for select 1", "single SELECT"),
        ("select $1", "no values"),
        ("select 1 into x", "makes a table"),
        ("select * from t for update", "locks rows"),
        ("select * from t for no key update", "locks rows"),
        ("select * from t for share", "locks rows"),
        ("select * from dblink('x', 'drop table t') as d(a int)", "dblink()"),
        ("select public.dblink_exec ('x')", "dblink_exec()"),
        ("select \"dblink_exec\"/* */('x')", "dblink_exec()"),
        ("select nextval('s')", "nextval()"),
        ("select PG_TERMINATE_BACKEND(1)", "pg_terminate_backend()"),
        ('select U&"\\0064blink"(1)', "beyond its transaction"),
    ],
)
def test_what_must_not_be_run(text: str, words: str) -> None:
    found = read_statement(text)
    assert isinstance(found, Statement)
    refused = must_not_run(found)
    assert refused is not None
    assert words in refused.reason
    assert refused.remedy


@pytest.mark.parametrize(
    "text",
    [
        "select 1",
        "values (1)",
        "table t",
        "with x as (select 1) select * from x",
        "select 'delete from t; insert into t', \"into\", $$ for update $$",
        "select t.update, a as delete from t where dblink = 1",
        "select substring(a for 2), now() - interval '1 day' from t /* update t set a = 1 */",
        "select count(*) from t where updated > 1",
    ],
)
def test_what_may_be_run(text: str) -> None:
    found = read_statement(text)
    assert isinstance(found, Statement)
    assert must_not_run(found) is None
