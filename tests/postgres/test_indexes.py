"""Every shape of index, manufactured on real servers with its look-alikes: what is said of it, and what is not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.config.thresholds import IndexesSettings
from devora_console.core.console import Verdict
from devora_console.core.loop import ServiceLoop
from devora_console.demo.servers import for_database
from devora_console.postgres.indexes import Finding, IndexesSnapshot, Kind, read
from devora_console.postgres.watch.guest import Guest
from tests.postgres.conftest import ASKED, Servers, as_role, execute
from tests.postgres.index_shapes import OVERLAPS, REFERENCES, Overlap, Reference
from tests.schema.old_servers import Which, major_of

EVERYTHING = IndexesSettings(unused_days=0, least_mb=0, table_mb=0)
_VERSIONS = [pytest.param(which, marks=pytest.mark.matrix, id=f"pg{which}") for which in ASKED]


class Shapes:
    """One database per version with every shape in a schema of its own, read once as superuser and once as nobody."""

    def __init__(self, versions: Servers, loop: ServiceLoop) -> None:
        self._versions = versions
        self._loop = loop
        self._made: dict[Which, tuple[Dsn, dict[str, IndexesSnapshot]]] = {}

    def of(self, which: Which) -> tuple[Dsn, dict[str, IndexesSnapshot]]:
        """The database and what is said of it, by role."""
        if which not in self._made:
            self._made[which] = self._loop.call(self._make(which))
        return self._made[which]

    async def _make(self, which: Which) -> tuple[Dsn, dict[str, IndexesSnapshot]]:
        admin = self._versions.admin(which)
        name = f"shapes_{secrets.token_hex(6)}"
        await execute(admin, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        dsn = for_database(admin, name)
        conn = await asyncpg.connect(dsn.reveal())
        for at, overlap in enumerate(OVERLAPS):
            if major_of(which) >= overlap.since:
                await _build(conn, f"o{at}", (f"CREATE TABLE t ({overlap.table})", *overlap.statements))
        for at, reference in enumerate(REFERENCES):
            if major_of(which) >= reference.since:
                await _build(conn, f"r{at}", (*_PARENTS, f"CREATE TABLE child ({reference.child})"))
                for statement in reference.statements:
                    await conn.execute(statement)
        await conn.close()
        nobody = await as_role(dsn)
        return dsn, {"superuser": await _read(dsn), "nobody": await _read(nobody)}

    async def drop(self) -> None:
        """Drop them all."""
        for which, (dsn, _) in self._made.items():
            name = dsn.reveal().split("?")[0].rsplit("/", 1)[1]
            await execute(self._versions.admin(which), f"DROP DATABASE {name} WITH (FORCE)")


_PARENTS = (
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "CREATE TABLE word (id text PRIMARY KEY)",
    "CREATE TABLE amount (id numeric PRIMARY KEY)",
    "CREATE TABLE pair (x int, y int, PRIMARY KEY (x, y))",
)


async def _build(conn: asyncpg.Connection[Any], schema: str, statements: tuple[str, ...]) -> None:
    await conn.execute(f"CREATE SCHEMA {schema}; SET search_path = {schema}, pg_catalog")
    for statement in statements:
        await conn.execute(statement)


async def _read(dsn: Dsn, settings: IndexesSettings = EVERYTHING) -> IndexesSnapshot:
    guest = await Guest.enter(dsn, purpose="test")
    try:
        return await read(guest, settings)
    finally:
        await guest.leave()


@pytest.fixture(scope="session")
def shapes(versions: Servers) -> Iterator[Shapes]:
    """The databases of shapes."""
    loop = ServiceLoop("test-shapes")
    made = Shapes(versions, loop)
    yield made
    loop.call(made.drop())
    loop.close()


def said(snapshot: IndexesSnapshot, schema: str, *kinds: Kind) -> list[Finding]:
    """What is said of the shape in this schema."""
    return [each for each in snapshot.of(*kinds) if each.schema == schema]


@pytest.mark.parametrize("which", _VERSIONS)
@pytest.mark.parametrize(("at", "overlap"), [pytest.param(*pair, id=pair[1].id) for pair in enumerate(OVERLAPS)])
def test_overlap(shapes: Shapes, which: Which, at: int, overlap: Overlap) -> None:
    if major_of(which) < overlap.since:
        pytest.skip(f"from {overlap.since} on")
    schema = f"o{at}"
    for snapshot in shapes.of(which)[1].values():
        found = said(snapshot, schema, Kind.DUPLICATE, Kind.PREFIX)
        assert {each.index: each.keep.removeprefix(f"{schema}.") for each in found} == overlap.gone
        for each in found:
            assert each.kind == overlap.kind
            assert each.verdict is Verdict.WARN
            assert each.remedy_sql.startswith("DROP INDEX ")
            assert ("CONCURRENTLY" in each.remedy_sql) is ("partitioned: at the parent" not in overlap.id)
            assert each.definition


@pytest.mark.parametrize("which", _VERSIONS)
@pytest.mark.parametrize(("at", "reference"), [pytest.param(*pair, id=pair[1].id) for pair in enumerate(REFERENCES)])
async def test_foreign_key(shapes: Shapes, which: Which, at: int, reference: Reference) -> None:
    if major_of(which) < reference.since:
        pytest.skip(f"from {reference.since} on")
    schema = f"r{at}"
    dsn, snapshots = shapes.of(which)
    for snapshot in snapshots.values():
        assert bool(said(snapshot, schema, Kind.MISSING_FK)) is reference.missing
    if reference.oracle:
        assert await _planner_would_scan(dsn, schema, reference) is reference.missing


async def _planner_would_scan(dsn: Dsn, schema: str, reference: Reference) -> bool:
    """Whether the planner, asked as a foreign key asks and told to avoid it, still has to read the whole table."""
    conn = await asyncpg.connect(dsn.reveal())
    try:
        await conn.execute(f"SET search_path = {schema}, pg_catalog; SET enable_seqscan = off")
        await conn.execute("SET plan_cache_mode = force_generic_plan")
        question = f"SELECT 1 FROM ONLY child x WHERE {reference.condition} FOR KEY SHARE"  # noqa: S608
        await conn.execute(f"PREPARE look ({reference.types}) AS {question}")
        values = ", ".join("NULL" for _ in reference.types.split(","))
        plan = "\n".join(row[0] for row in await conn.fetch(f"EXPLAIN EXECUTE look ({values})"))
        return "Index Cond" not in plan
    finally:
        await conn.close()


@pytest.mark.parametrize("which", _VERSIONS)
async def test_what_the_remedies_say_can_be_run(shapes: Shapes, which: Which) -> None:
    """Every SQL offered for a duplicate, a prefix or a missing index, hostile names included, run as printed."""
    dsn, snapshots = shapes.of(which)
    name = f"copy_{secrets.token_hex(6)}"
    admin = for_database(dsn, "postgres")
    source = dsn.reveal().split("?")[0].rsplit("/", 1)[1]
    await execute(admin, f"CREATE DATABASE {name} TEMPLATE {source}")
    copy = for_database(dsn, name)
    try:
        found = snapshots["superuser"].of(Kind.DUPLICATE, Kind.PREFIX, Kind.MISSING_FK)
        for each in found:
            await execute(copy, *(line for line in _statements(each.remedy_sql)))
        after = await _read(copy)
        assert not _redundant(after)
        assert all(not each.remedy_sql for each in after.of(Kind.MISSING_FK))  # what only another type can mend
        for each in snapshots["superuser"].of(Kind.DUPLICATE, Kind.PREFIX):
            await execute(copy, each.definition)
        assert _redundant(await _read(copy)) == _redundant(snapshots["superuser"])
    finally:
        await execute(admin, f"DROP DATABASE {name} WITH (FORCE)")


def _redundant(snapshot: IndexesSnapshot) -> set[tuple[str, str]]:
    found = snapshot.of(Kind.DUPLICATE, Kind.PREFIX)
    return {(each.schema, each.index) for each in found if each.schema.startswith("o")}


def _statements(text: str) -> list[str]:
    """Statements at the ends of lines; a name may hold a line end, so lines without a semicolon go on."""
    found, held = [], ""
    for line in text.split("\n"):
        held += line
        if held.endswith(";") and held.count('"') % 2 == 0:
            found.append(held)
            held = ""
        else:
            held += "\n"
    assert not held.strip()
    return found


def test_every_shape_has_a_name_of_its_own() -> None:
    assert len({each.id for each in (*OVERLAPS, *REFERENCES)}) == len(OVERLAPS) + len(REFERENCES)
