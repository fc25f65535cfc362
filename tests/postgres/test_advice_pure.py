"""Conditions as the server writes them, what values leave, and what an index would take. No server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from devora_console.postgres.advice.choose import Wanted
from devora_console.postgres.advice.columns import Column
from devora_console.postgres.advice.condition import ANY, EQUAL, NULL, RANGE, Compared, Unread, read_condition
from devora_console.postgres.advice.costs import fetch_cost, size_of
from devora_console.postgres.advice.scans import read_scans
from devora_console.postgres.indexes.facts import KeyColumn

_EQ = Compared("a", EQUAL)

CONDITIONS = {
    "(t.a = $1)": [_EQ],
    "($1 = t.a)": [_EQ],
    "((t.a)::text = $1)": [Compared("a", EQUAL, cast="text")],
    "((t.a)::text = ($1)::text)": [Compared("a", EQUAL, cast="text")],
    "((t.a)::double precision = $1)": [Compared("a", EQUAL, cast="double precision")],
    "(t.a = 5)": [Compared("a", EQUAL, literal="5")],
    "(t.a = 'it''s'::text)": [Compared("a", EQUAL, literal="it's")],
    "(t.a = ANY ($1))": [Compared("a", ANY, 10)],
    "(t.a = ANY ('{1,2,3}'::integer[]))": [Compared("a", ANY, 3)],
    "(t.a = ANY (ARRAY[$1, $2]))": [Compared("a", ANY, 2)],
    "(t.a IS NULL)": [Compared("a", NULL)],
    "(t.a >= ($1)::date)": [Compared("a", RANGE)],
    "((t.a = $1) AND (t.a < (now() - '1 day'::interval)))": [_EQ, Compared("a", RANGE)],
    "t.a": [Compared("a", EQUAL, literal="t")],
    "(NOT t.a)": [Compared("a", EQUAL, literal="f")],
    "(t.a = o.x)": [_EQ],
    "(t.a = (InitPlan 1).col1)": [_EQ],
    "(t.a = $0)": [_EQ],
    '(t."A ""b" = $1)': [Compared('A "b', EQUAL)],
    "((t.a)::character varying(20) = $1)": [Unread("an expression")],
    "((t.a = $1) OR (t.b = $2))": [Unread("conditions joined by OR")],
    "((t.a = $1) AND ((t.b = $2) OR (t.c = $3)))": [_EQ, Unread("conditions joined by OR")],
    "(lower(t.a) = $1)": [Unread("an expression, which only an index on the same expression serves")],
    "((t.a + 1) = $1)": [Unread("an expression, which only an index on the same expression serves")],
    "(t.a = lower($1))": [Unread("a comparison with the result of a function")],
    "(t.a = (random() * '5'::double precision))": [Unread("a comparison with the result of a function")],
    "(t.a = CASE WHEN $1 THEN 3 ELSE 4 END)": [Unread("a comparison with the result of a function")],
    "(t.a = t.b)": [Unread("two columns of the same table against each other")],
    '(t.a = $1 COLLATE "C")': [Unread("a comparison under another collation")],
    "(t.a @> $1)": [Unread("the operator @>")],
    "(t.a <> ALL ($1))": [Unread("unequal (<>), which leaves most rows")],
    "(t.a > ALL ($1))": [Unread("the operator >")],
    "(t.a > ANY ($1))": [Unread("the operator >")],
    "(t.a IS TRUE)": [Unread("the test IS TRUE")],
    "(t.a IS NOT NULL)": [Unread("only that a column is not null")],
    "(hashed SubPlan 1)": [Unread("a subquery")],
    "(SubPlan 1)": [Unread("a subquery")],
    "(ANY (t.a = (hashed SubPlan 1).col1))": [Unread("a subquery")],
    "(t.a OPERATOR(shop.=) $1)": [Unread("an expression")],
    "(other.a = $1)": [Unread("an expression, which only an index on the same expression serves")],
    "(t.a ~~ $1)": [Unread("a pattern (LIKE), which a plain index serves in some locales only")],
    "f(t.*)": [Unread("an expression, which only an index on the same expression serves")],
}


@pytest.mark.parametrize("text", CONDITIONS)
def test_conditions(text: str) -> None:
    assert read_condition(text, "t") == CONDITIONS[text]


@pytest.mark.parametrize("text", ["", "(", ")", "((t.a = $1)", "(t.a =", "(t.)", "t", "(= $1)", "(t.a = ANY)", "'"])
def test_what_is_no_condition_is_no_error(text: str) -> None:
    read_condition(text, "t")


_COLUMN = Column(
    key=KeyColumn(1, "a", "a", 0, frozenset({1976}), False),
    base="int4",
    category="N",
    readable=True,
    secured=False,
    nulls=0.0,
    distinct=1000.0,
    width=4,
    correlation=0.0,
    common=(),
    shares=(),
)


@pytest.mark.parametrize(
    ("column", "compared", "leaves"),
    [
        (_COLUMN, _EQ, 0.001),
        (_COLUMN, Compared("a", ANY, 10), 0.01),
        (replace(_COLUMN, distinct=-0.5), _EQ, 2 / 10_000),
        (replace(_COLUMN, nulls=0.2), Compared("a", NULL), 0.2),
        (replace(_COLUMN, common=("7",), shares=(0.9,)), Compared("a", EQUAL, literal="7"), 0.9),
        (replace(_COLUMN, common=("7",), shares=(0.9,)), Compared("a", EQUAL, literal="8"), 0.1 / 999),
        (replace(_COLUMN, common=("7",), shares=(0.9,)), _EQ, 0.81 + 0.01 / 999),
        (replace(_COLUMN, distinct=2.0), Compared("a", ANY, 10), 1.0),
    ],
)
def test_what_a_value_leaves(column: Column, compared: Compared, leaves: float) -> None:
    assert column.leaves(compared, 10_000) == pytest.approx(leaves)


def test_what_rows_far_apart_cost_and_rows_side_by_side() -> None:
    wanted = Wanted((_COLUMN,), (0.1,), 100_000, False, ())
    apart = fetch_cost(wanted, 1000)
    together = fetch_cost(replace(wanted, columns=(replace(_COLUMN, correlation=1.0),)), 1000)
    assert apart > 1000
    assert together < 300
    assert fetch_cost(replace(wanted, leaves=(0.00001,)), 1000) < 10


def test_the_size_of_what_does_not_repeat_and_of_what_does() -> None:
    wanted = Wanted((replace(_COLUMN, distinct=-1.0),), (0.1,), 1_000_000, False, ())
    alone = size_of(wanted, 1_000_000, 8192)
    assert (alone.entry, alone.shared) == (20, 1)
    assert 21_000_000 < alone.size < 23_000_000  # a real one takes 22.5 MB
    shared = size_of(replace(wanted, columns=(_COLUMN,)), 1_000_000, 8192)
    assert 6_000_000 < shared.size < 8_000_000  # a real one takes 7 MB
    numeric = size_of(replace(wanted, columns=(replace(_COLUMN, base="numeric"),)), 1_000_000, 8192)
    assert numeric.shared == 1


def test_an_index_scan_that_throws_rows_away_is_a_scan() -> None:
    top = {
        "Node Type": "Limit",
        "Total Cost": 100.0,
        "Plans": [
            {
                "Node Type": "Index Scan",
                "Index Name": "t_pkey",
                "Schema": "public",
                "Relation Name": "t",
                "Alias": "t",
                "Filter": "(t.a = $1)",
                "Total Cost": 5000.0,
            }
        ],
    }
    read = read_scans(top)
    assert [(each.index, each.by, each.condition, each.cost) for each in read.scans] == [("t_pkey", (), (_EQ,), 100.0)]
