"""The line of every key of a TOML text, compared with what tomllib reads from it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devora_console.config.locate import item_lines, key_lines

TEXT = '''\
top = 1                       # 1
"quoted.key" = "a # no comment"
'lit' = 'x = 1'
dotted.a."b c" = 2            # 4

[table]                       # 6
multi = """
x = 1
[not.a.table]
"""                           # 10
after = true
[ table . "sub" ]
lit = \'\'\'
a = 1\'\'\'\'
next = { a = 1, "b" = { c = [ { d = 1 }, { e = "}" } ] }, f.g = "," }
array = [                     # 16
  "a = 1", # comment ] with bracket
  { inline = 1 },
  [ 1, 2 ], 2024-01-01T10:00:00Z,
]
last = -1.5e3                 # 21
[[many]]
x = 1
[[many]]                      # 24
y = "\\"\\u00e9 = 1"
"\\u00e9" = 1                  # 26
'''


def _paths(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if isinstance(value, dict):
        return {(*path, key) for key in value}.union(*(_paths(item, (*path, key)) for key, item in value.items()))
    if isinstance(value, list):
        return set().union(*(_paths(item, path) for item in value))
    return set()


def test_a_text_with_everything_in_it() -> None:
    lines = key_lines(TEXT)
    assert set(lines) == _paths(tomllib.loads(TEXT))
    expected = {
        ("top",): 1,
        ("quoted.key",): 2,
        ("lit",): 3,
        ("dotted",): 4,
        ("dotted", "a", "b c"): 4,
        ("table",): 6,
        ("table", "multi"): 7,
        ("table", "after"): 11,
        ("table", "sub"): 12,
        ("table", "sub", "lit"): 13,
        ("table", "sub", "next", "b", "c", "e"): 15,
        ("table", "sub", "next", "f", "g"): 15,
        ("table", "sub", "array"): 16,
        ("table", "sub", "array", "inline"): 18,
        ("table", "sub", "last"): 21,
        ("many",): 22,
        ("many", "x"): 23,
        ("many", "y"): 25,
        ("many", "é"): 26,
    }
    assert {path: lines[path] for path in expected} == expected


_names = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=4).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
    st.from_regex(r"[^'\x00-\x1f\x7f\ud800-\udfff]{0,4}", fullmatch=True).map(lambda text: f"'{text}'"),
)
_scalars = st.sampled_from(
    ["1", "-0.5", "true", "inf", "1979-05-27", "07:32:00", "1979-05-27 07:32:00", '"a = 1 # [x]"', "'\"'", '""', "''",
     '"""\n]\na = 1\n\\""""""', "'''\n[x]\n'''''", '"\\\\"', '"""a\\\n   b"""']
)  # fmt: skip
_space = st.sampled_from(["", " ", "\t"])
_breaks = st.sampled_from(["", " ", "\n", " # ] } = \n", "\n\n"])
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.tuples(st.lists(inner, max_size=3), _breaks).map(
            lambda it: "[" + (it[1] + ",").join([*it[0], ""]) + it[1] + "]"
        ),
        st.lists(st.tuples(_names, inner), max_size=3, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{" + ", ".join(f"{name} = {value}" for name, value in pairs) + "}"
        ),
    ),
    max_leaves=6,
)
_keys = st.lists(_names, min_size=1, max_size=3).flatmap(
    lambda parts: _space.map(lambda gap: f"{gap}.{gap}".join(parts))
)
_lines = st.one_of(
    st.tuples(_space, _keys, _space, _values).map(lambda it: f"{it[0]}{it[1]}{it[2]}={it[2]}{it[3]}"),
    st.tuples(_keys, _space).map(lambda it: f"[{it[1]}{it[0]}{it[1]}]"),
    _keys.map(lambda key: f"[[{key}]]"),
    st.just(""),
    st.just("# a = 1"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_lines, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_any_text_that_tomllib_accepts(parts: list[str], line_end: str) -> None:
    accepted: list[str] = []
    for part in parts:
        try:
            tomllib.loads("\n".join([*accepted, part]))
        except tomllib.TOMLDecodeError:
            continue
        accepted.append(part)
    text = line_end.join(accepted)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    assert set(lines) == _paths(document)
    for path, line in lines.items():
        # The line a key is said to stand on is the first from which the text, cut after it, knows the key.
        assert 1 <= line <= text.count("\n") + 1
        assert path[-1] == "" or path[-1][0] in text.split("\n")[line - 1] or "\\" in text


def test_a_text_that_is_not_toml_ends() -> None:
    for text in ("a = [", "a = {b = 1", "= 1"):
        with pytest.raises(ValueError, match="not a text that tomllib accepts"):
            key_lines(text)


def test_tables_of_an_array_are_told_apart() -> None:
    text = """\
[[step]]                        # 1
id = "a"
[[step]]
id = "b"                        # 4
  [[step.probe]]
  http = "x"
  [[step.probe]]
  run = ["a",
         "b"]                   # 9
  [step.undo]
    [[step.undo.probe]]
    env = { A = 1 }
[[step]]                        # 13
many = [{ x = 1 },
        { x = 2 }]
"""
    lines = item_lines(text)
    assert lines[("step",)] == 1
    assert [lines[("step", at)] for at in range(3)] == [1, 3, 13]
    assert lines[("step", 1, "id")] == 4
    assert lines[("step", 1, "probe", 1, "run")] == 8
    assert lines[("step", 1, "probe", 1, "run", 1)] == 9
    assert lines[("step", 1, "undo", "probe", 0, "env", "A")] == 12
    assert lines[("step", 2, "many", 1, "x")] == 15
