"""The shapes of indexes that are told apart, each with its look-alikes: what is to be said of it, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Overlap:
    """A table ``t`` in a schema of its own. ``gone``: what can go, with what stays for it. Nothing else may be said."""

    id: str
    statements: tuple[str, ...]
    gone: dict[str, str] = field(default_factory=dict)
    kind: str = "duplicate"
    since: int = 14
    table: str = "a int, b int, c text"


OVERLAPS = (
    Overlap("twins", ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a)"), {"i2": "i1"}),
    Overlap(
        "triplets",
        ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a)", "CREATE INDEX i3 ON t (a)"),
        {"i2": "i1", "i3": "i1"},
    ),
    Overlap("order of keys differs", ("CREATE INDEX i1 ON t (a, b)", "CREATE INDEX i2 ON t (b, a)")),
    Overlap("primary key stays", ("CREATE INDEX i0 ON t (a)", "ALTER TABLE t ADD PRIMARY KEY (a)"), {"i0": "t_pkey"}),
    Overlap("unique stays", ("CREATE INDEX i1 ON t (a)", "CREATE UNIQUE INDEX i2 ON t (a)"), {"i1": "i2"}),
    Overlap(
        "unique beside the primary key goes",
        ("ALTER TABLE t ADD PRIMARY KEY (a)", "CREATE UNIQUE INDEX i2 ON t (a)"),
        {"i2": "t_pkey"},
    ),
    Overlap(
        "two constraints: neither goes",
        ("ALTER TABLE t ADD PRIMARY KEY (a)", "ALTER TABLE t ADD UNIQUE (a)"),
    ),
    Overlap(
        "unique beside a deferrable constraint stays",
        ("ALTER TABLE t ADD UNIQUE (a) DEFERRABLE", "CREATE UNIQUE INDEX i2 ON t (a)"),
    ),
    Overlap(
        "unique that a foreign key refers to stays",
        (
            "CREATE UNIQUE INDEX i1 ON t (a)",
            "CREATE TABLE other (a int REFERENCES t (a))",
            "ALTER TABLE t ADD PRIMARY KEY (a)",
        ),
    ),
    Overlap(
        "nulls not distinct",
        ("CREATE UNIQUE INDEX i1 ON t (a)", "CREATE UNIQUE INDEX i2 ON t (a) NULLS NOT DISTINCT"),
        since=15,
    ),
    Overlap("method differs", ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t USING hash (a)")),
    Overlap("hash twins", ("CREATE INDEX i1 ON t USING hash (a)", "CREATE INDEX i2 ON t USING hash (a)"), {"i2": "i1"}),
    Overlap("class differs", ("CREATE INDEX i1 ON t (c)", "CREATE INDEX i2 ON t (c text_pattern_ops)")),
    Overlap("collation differs", ("CREATE INDEX i1 ON t (c)", 'CREATE INDEX i2 ON t (c COLLATE "POSIX")')),
    Overlap(
        "descending alone is the same", ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a DESC)"), {"i2": "i1"}
    ),
    Overlap("nulls elsewhere", ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a DESC NULLS LAST)")),
    Overlap("one of two descending", ("CREATE INDEX i1 ON t (a, b)", "CREATE INDEX i2 ON t (a, b DESC)")),
    Overlap(
        "all turned round is the same",
        ("CREATE INDEX i1 ON t (a, b DESC)", "CREATE INDEX i2 ON t (a DESC, b)"),
        {"i2": "i1"},
    ),
    Overlap(
        "expression spelt otherwise",
        ("CREATE INDEX i1 ON t (lower(c))", "CREATE INDEX i2 ON t (  lower(  c ) )"),
        {"i2": "i1"},
    ),
    Overlap(
        "expression with a comma in a string",
        ("CREATE INDEX i1 ON t ((c || ', '))", "CREATE INDEX i2 ON t ((c || ','))"),
    ),
    Overlap(
        "predicate spelt otherwise",
        ("CREATE INDEX i1 ON t (a) WHERE b > 1", "CREATE INDEX i2 ON t (a) WHERE (  b>1 )"),
        {"i2": "i1"},
    ),
    Overlap("predicate differs", ("CREATE INDEX i1 ON t (a) WHERE b > 1", "CREATE INDEX i2 ON t (a) WHERE b > 2")),
    Overlap("partial and whole", ("CREATE INDEX i1 ON t (a) WHERE b > 1", "CREATE INDEX i2 ON t (a)")),
    Overlap(
        "include in another order",
        ("CREATE INDEX i1 ON t (a) INCLUDE (b, c)", "CREATE INDEX i2 ON t (a) INCLUDE (c, b)"),
        {"i2": "i1"},
    ),
    Overlap("include is not a key", ("CREATE INDEX i1 ON t (a) INCLUDE (b)", "CREATE INDEX i2 ON t (a, b)")),
    Overlap(
        "fill factor is no difference",
        ("CREATE INDEX i1 ON t (a) WITH (fillfactor = 50)", "CREATE INDEX i2 ON t (a)"),
        {"i2": "i1"},
    ),
    Overlap(
        "brin of another grain",
        (
            "CREATE INDEX i1 ON t USING brin (a) WITH (pages_per_range = 8)",
            "CREATE INDEX i2 ON t USING brin (a) WITH (pages_per_range = 128)",
        ),
    ),
    Overlap(
        "class options differ",
        (
            "ALTER TABLE t ADD v tsvector",
            "CREATE INDEX i1 ON t USING gist (v tsvector_ops (siglen = 100))",
            "CREATE INDEX i2 ON t USING gist (v tsvector_ops (siglen = 200))",
        ),
    ),
    Overlap(
        "not valid is none",
        (
            "CREATE INDEX i1 ON t (a)",
            "CREATE INDEX i2 ON t (a)",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i2'::regclass",
        ),
    ),
    Overlap(
        "partitioned: at the parent, once",
        (
            "DROP TABLE t",
            "CREATE TABLE t (a int, b int) PARTITION BY RANGE (a)",
            "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9)",
            "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (9) TO (99)",
            "CREATE INDEX i1 ON t (b)",
            "CREATE INDEX i2 ON t (b)",
        ),
        {"i2": "i1"},
    ),
    Overlap(
        "partition's own beside its part",
        (
            "DROP TABLE t",
            "CREATE TABLE t (a int, b int) PARTITION BY RANGE (a)",
            "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9)",
            "CREATE INDEX own ON t1 (a, b)",
            "CREATE INDEX i1 ON ONLY t (a, b)",
            "CREATE INDEX part ON t1 (a, b)",
            "ALTER INDEX i1 ATTACH PARTITION part",
        ),
        {"own": "part"},
    ),
    Overlap("prefix", ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a, b)"), {"i1": "i2"}, "prefix"),
    Overlap(
        "chain of prefixes",
        ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a, b)", "CREATE INDEX i3 ON t (a, b, c)"),
        {"i1": "i3", "i2": "i3"},
        "prefix",
    ),
    Overlap(
        "prefix of a unique one",
        ("CREATE INDEX i1 ON t (a)", "CREATE UNIQUE INDEX i2 ON t (a, b)"),
        {"i1": "i2"},
        "prefix",
    ),
    Overlap("unique prefix stays", ("CREATE UNIQUE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a, b)")),
    Overlap("second column is no prefix", ("CREATE INDEX i1 ON t (b)", "CREATE INDEX i2 ON t (a, b)")),
    Overlap(
        "prefix read backwards",
        ("CREATE INDEX i1 ON t (a DESC)", "CREATE INDEX i2 ON t (a, b)"),
        {"i1": "i2"},
        "prefix",
    ),
    Overlap("prefix with nulls elsewhere", ("CREATE INDEX i1 ON t (a NULLS FIRST)", "CREATE INDEX i2 ON t (a, b)")),
    Overlap("prefix of another method", ("CREATE INDEX i1 ON t USING hash (a)", "CREATE INDEX i2 ON t (a, b)")),
    Overlap("prefix of another class", ("CREATE INDEX i1 ON t (c)", "CREATE INDEX i2 ON t (c text_pattern_ops, a)")),
    Overlap("prefix of another collation", ("CREATE INDEX i1 ON t (c)", 'CREATE INDEX i2 ON t (c COLLATE "POSIX", a)')),
    Overlap("prefix of a partial one", ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a, b) WHERE b > 1")),
    Overlap(
        "prefix with the same predicate",
        ("CREATE INDEX i1 ON t (a) WHERE b > 1", "CREATE INDEX i2 ON t (a, b) WHERE b > 1"),
        {"i1": "i2"},
        "prefix",
    ),
    Overlap(
        "the same keys with more included",
        ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a) INCLUDE (b)"),
        {"i1": "i2"},
        "prefix",
    ),
    Overlap(
        "prefix with something else included",
        ("CREATE INDEX i1 ON t (a) INCLUDE (c)", "CREATE INDEX i2 ON t (a, b)"),
    ),
    Overlap("expression is no prefix", ("CREATE INDEX i1 ON t (lower(c))", "CREATE INDEX i2 ON t (c, a)")),
    Overlap("clustered stays", ("CREATE INDEX i1 ON t (a)", "CREATE INDEX i2 ON t (a, b)", "CLUSTER t USING i1")),
    Overlap(
        "hostile names",
        (
            'CREATE INDEX "a ""quoted"" [red]one[/] USING (x)" ON t (a)',
            'CREATE INDEX "two\nlines; DROP TABLE t; --" ON t (a)',
        ),
        {"two\nlines; DROP TABLE t; --": 'a "quoted" [red]one[/] USING (x)'},
    ),
)


@dataclass(frozen=True)
class Reference:
    """A table ``child`` with a foreign key, and indexes that serve it or do not. ``oracle``: whether to ask the planner
    as well, with sequential scans switched off.
    """

    id: str
    statements: tuple[str, ...]
    missing: bool
    child: str = "a int REFERENCES parent (id), b int"
    since: int = 14
    oracle: bool = True
    condition: str = "$1 = a"
    types: str = "int"


_TWO = "a int, b int, c int, FOREIGN KEY (a, b) REFERENCES pair (x, y)"
_BOTH = "$1 = a AND $2 = b"

REFERENCES = (
    Reference("none", (), True),
    Reference("plain", ("CREATE INDEX ON child (a)",), False),
    Reference("hash", ("CREATE INDEX ON child USING hash (a)",), False),
    Reference("first of two", ("CREATE INDEX ON child (a, b)",), False),
    Reference("second of two", ("CREATE INDEX ON child (b, a)",), True, oracle=False),
    Reference("only included", ("CREATE INDEX ON child (b) INCLUDE (a)",), True),
    Reference("descending", ("CREATE INDEX ON child (a DESC NULLS LAST)",), False),
    Reference("partial by not null", ("CREATE INDEX ON child (a) WHERE a IS NOT NULL",), False),
    Reference("partial by something else", ("CREATE INDEX ON child (a) WHERE b > 0",), True),
    Reference("partial by another column", ("CREATE INDEX ON child (a) WHERE b IS NOT NULL",), True),
    Reference("expression", ("CREATE INDEX ON child ((a + 0))",), True),
    Reference("brin", ("CREATE INDEX ON child USING brin (a)",), True, oracle=False),
    Reference(
        "not valid",
        ("CREATE INDEX i ON child (a)", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass"),
        True,
    ),
    Reference("pair", ("CREATE INDEX ON child (a, b)",), False, _TWO, condition=_BOTH, types="int, int"),
    Reference("pair turned round", ("CREATE INDEX ON child (b, a)",), False, _TWO, condition=_BOTH, types="int, int"),
    Reference("pair and more", ("CREATE INDEX ON child (b, a, c)",), False, _TWO, condition=_BOTH, types="int, int"),
    Reference("half a pair", ("CREATE INDEX ON child (a)",), True, _TWO, oracle=False),
    Reference("pair with a stranger between", ("CREATE INDEX ON child (a, c, b)",), True, _TWO, oracle=False),
    Reference(
        "pair, partial by both not null",
        ("CREATE INDEX ON child (a, b) WHERE a IS NOT NULL AND b IS NOT NULL",),
        False,
        _TWO,
        condition=_BOTH,
        types="int, int",
    ),
    Reference(
        "text",
        ("CREATE INDEX ON child (a)",),
        False,
        "a text REFERENCES word (id)",
        types="text",
    ),
    Reference(
        "text_pattern_ops",
        ("CREATE INDEX ON child (a text_pattern_ops)",),
        False,
        "a text REFERENCES word (id)",
        types="text",
    ),
    Reference(
        "another collation",
        ('CREATE INDEX ON child (a COLLATE "POSIX")',),
        True,
        "a text REFERENCES word (id)",
        types="text",
    ),
    Reference(
        "column with a collation of its own",
        ("CREATE INDEX ON child (a)",),
        False,
        'a text COLLATE "POSIX" REFERENCES word (id)',
        types="text",
    ),
    Reference(
        "varchar for text", ("CREATE INDEX ON child (a)",), False, "a varchar(20) REFERENCES word (id)", types="text"
    ),
    Reference("bigint for int", ("CREATE INDEX ON child (a)",), False, "a bigint REFERENCES parent (id)"),
    Reference(
        "int for numeric: converted",
        ("CREATE INDEX ON child (a)",),
        True,
        "a int REFERENCES amount (id)",
        types="numeric",
    ),
    Reference(
        "quoted column",
        ('CREATE INDEX ON child ("A b") WHERE "A b" IS NOT NULL',),
        False,
        '"A b" int REFERENCES parent (id)',
        condition='$1 = "A b"',
    ),
    Reference(
        "not enforced", (), False, "a int, FOREIGN KEY (a) REFERENCES parent (id) NOT ENFORCED", 18, oracle=False
    ),
    Reference(
        "to itself, served", ("CREATE INDEX ON child (a)",), False, "id int PRIMARY KEY, a int REFERENCES child (id)"
    ),
)
