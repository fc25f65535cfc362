"""Statements that an index would help, and their look-alikes that it would not: what is to be said of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

TABLES = (
    """CREATE TABLE big (id int PRIMARY KEY, customer int, city int, region int, status text, flag boolean, doc jsonb,
       note text, code varchar(20), at timestamptz, lonely int, skewed int, served int, broken int, indexed int,
       other int, "Odd ""name" int, spot point, tenth int,
       early int) WITH (autovacuum_enabled = off)""",
    """INSERT INTO big SELECT i, i % 2000, i % 100, (i / 100) % 20, (ARRAY['new', 'paid', 'sent'])[1 + i % 3],
       i % 2 = 0, '{}', repeat('n', 20) || i, 'c' || i, now() - i * interval '1 minute',
       CASE WHEN i % 1000 > 0 THEN i END,
       CASE WHEN i % 10 > 0 THEN 0 ELSE i END, i % 2000, i % 2000, i % 10, i % 2000, i % 2000, point(i, i), i % 10,
       i / 2000
       FROM generate_series(1, 20000) AS i""",
    "CREATE INDEX ON big (served, city)",
    "CREATE INDEX ON big (indexed)",
    "CREATE INDEX ON big (broken)",
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'big_broken_idx'::regclass",
    "CREATE TABLE small (id int PRIMARY KEY, k int) WITH (autovacuum_enabled = off)",
    "INSERT INTO small SELECT i, i FROM generate_series(1, 400) AS i",
    "CREATE TABLE unseen (id int, k int) WITH (autovacuum_enabled = off)",
    "INSERT INTO unseen SELECT i, i FROM generate_series(1, 20000) AS i",
    "CREATE TABLE parted (id int, at int, k int) PARTITION BY RANGE (at)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20)",
    "INSERT INTO parted SELECT i, i % 20, i % 5000 FROM generate_series(1, 20000) AS i",
    "ANALYZE big, small, parted, parted_1, parted_2",
)


@dataclass(frozen=True)
class Shape:
    """A statement with values. ``columns``: those of the index that is suggested; otherwise ``words`` of the reason why
    none is. ``unknown``: that it cannot be judged.
    """

    id: str
    text: str
    values: tuple[Any, ...] = ()
    columns: tuple[str, ...] = ()
    words: str = ""
    unknown: bool = False


SHAPES = (
    Shape("one column", "SELECT sum(id) FROM big WHERE customer = $1", (5,), ("customer",)),
    Shape("turned round", "SELECT sum(id + 1) FROM big WHERE $1 = customer", (5,), ("customer",)),
    Shape("two columns", "SELECT sum(id) FROM big WHERE region = $1 AND city = $2", (5, 5), ("city", "region")),
    Shape("varchar", "SELECT sum(id) FROM big WHERE code = $1", ("c5",), ("code",)),
    Shape("a list", "SELECT sum(id + 2) FROM big WHERE customer = ANY ($1::int[])", ([1, 2],), ("customer",)),
    Shape("no value", "SELECT sum(id) FROM big WHERE lonely IS NULL", (), ("lonely",)),
    Shape("quoted name", 'SELECT sum(id) FROM big AS "B" WHERE "Odd ""name" = $1', (5,), ('Odd "name',)),
    Shape(
        "in a join",
        "SELECT sum(b.id + s.k) FROM big b JOIN small s ON s.id = b.region WHERE b.customer = $1",
        (5,),
        ("customer",),
    ),
    Shape("update", "UPDATE big SET note = note WHERE customer = $1 AND note LIKE 'x%'", (5,), ("customer",)),
    Shape(
        "subquery for each row",
        "SELECT s.id, (SELECT sum(b.id) FROM big b WHERE b.customer = s.id) FROM small s WHERE s.id < $1",
        (3,),
        ("customer",),
    ),
    Shape(
        "an index that finds too much",
        "SELECT sum(id) FROM big WHERE indexed = $1 AND other = $2",
        (5, 5),
        ("other",),
    ),
    Shape(
        "one part OR",
        "SELECT sum(id + 3) FROM big WHERE customer = $1 AND (city = $2 OR region = $3)",
        (5, 5, 5),
        ("customer",),
    ),
    Shape("partitioned", "SELECT sum(id) FROM parted WHERE k = $1", (5,), ("k",)),
    Shape("in the table's order", "SELECT sum(id) FROM big WHERE early = $1", (5,), ("early",)),
    Shape("on every page", "SELECT sum(id) FROM big WHERE tenth = $1", (5,), words="% of the cost"),
    Shape("collation", 'SELECT sum(id) FROM big WHERE note = $1 COLLATE "C"', ("n",), words="under another collation"),
    Shape("few values", "SELECT sum(id) FROM big WHERE status = $1", ("new",), words="status leaves about 33 %"),
    Shape("a boolean", "SELECT sum(id) FROM big WHERE flag", (), words="flag leaves about 50 %"),
    Shape(
        "one value in most rows", "SELECT sum(id) FROM big WHERE skewed = $1", (5,), words="skewed leaves about 81 %"
    ),
    Shape("jsonb", "SELECT sum(id) FROM big WHERE doc = $1::jsonb", ("{}",), words="doc is of type jsonb"),
    Shape("OR", "SELECT sum(id) FROM big WHERE customer = $1 OR city = $2", (5, 5), words="joined by OR"),
    Shape("expression", "SELECT sum(id) FROM big WHERE lower(note) = $1", ("n",), words="an expression"),
    Shape(
        "converted",
        "SELECT sum(id) FROM big WHERE customer::numeric = $1",
        (5,),
        words="customer is converted to numeric",
    ),
    Shape("LIKE", "SELECT sum(id) FROM big WHERE note LIKE $1", ("n%",), words="a pattern (LIKE)"),
    Shape("unequal", "SELECT sum(id) FROM big WHERE customer <> $1", (5,), words="unequal"),
    Shape(
        "function", "SELECT sum(id) FROM big WHERE customer = (random() * $1)::int", (5,), words="result of a function"
    ),
    Shape(
        "its own column", "SELECT sum(id) FROM big WHERE customer = other + $1", (9,), words="columns of the same table"
    ),
    Shape(
        "subquery in a list",
        "SELECT sum(id) FROM big WHERE customer = ANY (SELECT k FROM small WHERE id > $1) OR city = 3",
        (9,),
        words="OR",
    ),
    Shape(
        "range",
        "SELECT sum(id) FROM big WHERE at > $1",
        (datetime(2100, 1, 1, tzinfo=UTC),),
        words="bounded by values that are not known",
    ),
    Shape("served by an index", "SELECT sum(id) FROM big WHERE served = $1", (5,), words="throws rows of a table away"),
    Shape(
        "not valid",
        "SELECT sum(id) FROM big WHERE broken = $1",
        (5,),
        words="big_broken_idx on big has these columns, but is not valid",
    ),
    Shape("small table", "SELECT sum(id) FROM small WHERE k = $1", (5,), words="small is small: 400 rows"),
    Shape("whole table", "SELECT sum(customer) FROM big", (), words="throws rows of a table away"),
    Shape(
        "no statistics",
        "SELECT sum(id) FROM unseen WHERE k = $1",
        (5,),
        words="unseen.k has no statistics yet",
        unknown=True,
    ),
)
"""The numbers of rows are chosen so that every plan is the same on all versions."""
