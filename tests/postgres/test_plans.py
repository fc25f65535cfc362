"""Plans from real servers: generic ones stay generic, nothing is changed or waited for, refusals say why."""

from __future__ import annotations

import random
import time

import asyncpg
import pytest

from devora_console.config.secret import Dsn
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Author, Found, Missing, Plan, explain, find_text
from devora_console.postgres.plans.statement import Statement, read_statement
from devora_console.postgres.watch.guest import TAG, Guest
from tests.postgres.conftest import Enter, as_role, execute

_WORLD = (
    "CREATE TABLE big (id int PRIMARY KEY, grp int, note text)",
    "INSERT INTO big SELECT g, g % 100, repeat('x', 40) FROM generate_series(1, 20000) g",
    "CREATE TABLE small (id int PRIMARY KEY, name text, since timestamptz)",
    "INSERT INTO small SELECT g, 'n' || g, now() FROM generate_series(1, 50) g",
    "VACUUM ANALYZE big, small",
)


async def plan_of(guest: Guest, text: str, **more: object) -> Plan:
    """The plan, which there must be."""
    found = await explain(guest, text, **more)  # type: ignore[arg-type]
    assert isinstance(found, Plan), found
    return found


async def why(guest: Guest, text: str, **more: object) -> Unknown:
    """The reason there is none."""
    found = await explain(guest, text, **more)  # type: ignore[arg-type]
    assert isinstance(found, Unknown), found
    return found


def _conditions(plan: Plan) -> str:
    return " ".join(text for node in plan.nodes for _, text in node.conditions)


_PARAMETERS = [
    ("SELECT * FROM big WHERE grp = $1 AND note LIKE $2", ("$1", "$2")),
    ("SELECT s.name FROM big b JOIN small s ON s.id = b.grp WHERE b.id = $1", ("$1",)),
    ("UPDATE small SET name = $2 WHERE id = $1", ("$1",)),
    ("DELETE FROM small WHERE since < $1;", ("$1",)),
    ("INSERT INTO small SELECT id, note, now() FROM big WHERE grp = $1", ("$1",)),
    ("SELECT * FROM small WHERE name = '$9; $$' AND id = $1 -- $8", ("$1",)),
    ("SELECT * FROM big WHERE grp = $1 LIMIT $2 OFFSET $3", ("$1",)),
]


async def test_parameters_stay_parameters(watched: Dsn, enter: Enter) -> None:
    """A driver that took $1 for its own would plan for a value: the condition would not hold it, or be false."""
    await execute(watched, *_WORLD)
    guest = await enter(watched)
    for text, keeps in _PARAMETERS:
        plan = await plan_of(guest, text)
        assert plan.kind == "generic"
        assert all(each in _conditions(plan) for each in keeps), text
        assert all(node.type != "Result" for node in plan.nodes)
        assert any("generic plan" in note for note in plan.notes)
        assert any("idx_scan" in note for note in plan.notes)
        assert plan.hot_node is not None
        assert plan.hot_node.by == "cost"
        assert not guest.connection.is_in_transaction()
    rows = await guest.query("SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 'devora%'")
    assert not isinstance(rows, Unknown)
    assert rows[0]["n"] == 0


_UNPLANNABLE = [
    ("SELECT interval $1", "'interval $1' is not SQL"),
    ("SELECT * FROM small WHERE since > timestamp with time zone $1", "'zone $1' is not SQL"),
    ("SELECT $1 + $2", "types of its parameters"),
    ("SELECT 1 FROM small ORDER BY $1 $2", "not SQL any more"),
    ("SELECT FROM WHERE", "not a statement with a plan"),
    ("SELECT * FROM small WHERE", "cut off"),
    ("SELECT * FROM nowhere", 'relation "nowhere" does not exist (search_path'),
    ("SELECT * FROM gone.small WHERE id = $1", "does not exist"),
    ("SELECT nothing_such(1)", "does not exist"),
    ("CREATE INDEX ON small (name)", "not a statement with a plan"),
    ("REINDEX TABLE small", "REINDEX has no plan"),
    ("SELECT 1; DROP TABLE small", "2 statements"),
    ("SELECT $1; DROP TABLE small", "2 statements"),
    ("SELECT 1 FROM small WHERE id = 1 / 0", "division by zero"),
]


async def test_what_cannot_be_planned_says_why(watched: Dsn, enter: Enter) -> None:
    await execute(watched, *_WORLD[2:3])
    guest = await enter(watched)
    for text, words in _UNPLANNABLE:
        assert words in (await why(guest, text)).reason
        assert isinstance(await explain(guest, "SELECT $1::int FROM small"), Plan)  # the session is as it was


async def test_nothing_is_changed(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        *_WORLD[2:4],
        "CREATE TABLE log (a int)",
        "CREATE FUNCTION writes() RETURNS int LANGUAGE plpgsql VOLATILE AS "
        "$$ BEGIN INSERT INTO public.log VALUES (1); RETURN 1; END $$",
        "CREATE FUNCTION unlocks() RETURNS int LANGUAGE plpgsql VOLATILE AS "
        "$$ BEGIN SET transaction_read_only = off; INSERT INTO public.log VALUES (1); RETURN 1; END $$",
    )
    guest = await enter(watched)
    await plan_of(guest, "DELETE FROM small")
    await plan_of(guest, "CREATE TABLE made AS SELECT * FROM small")
    await plan_of(guest, "SELECT writes()")
    assert "changes rows (DELETE)" in (await why(guest, "DELETE FROM small", analyze=True)).reason
    assert (
        "changes rows (INSERT)"
        in (await why(guest, "WITH x AS (INSERT INTO log VALUES (2) RETURNING a) TABLE x", analyze=True)).reason
    )
    assert "it writes" in (await why(guest, "SELECT writes()", analyze=True)).reason
    assert "read-" in (await why(guest, "SELECT unlocks()", analyze=True)).reason
    (row,) = await guest.query(  # type: ignore[misc]
        "SELECT (SELECT count(*) FROM public.small) AS small, (SELECT count(*) FROM public.log) AS log,"
        " to_regclass('public.made') IS NULL AS unmade"
    )
    assert tuple(row) == (50, 0, True)


async def test_code_that_runs_while_planning_is_ended(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
        "$$ BEGIN PERFORM pg_catalog.pg_sleep(20); RETURN $1; END $$",
        *_WORLD[2:3],
    )
    guest = await enter(watched)
    for text in ("SELECT * FROM small WHERE id = slow(1)", "SELECT * FROM small WHERE id = slow(1) AND name = $1"):
        began = time.monotonic()
        assert "not planned within 0.2 s" in (await why(guest, text, seconds=0.2)).reason
        assert time.monotonic() - began < 2
    rows = await guest.query("SELECT count(*) AS n FROM pg_prepared_statements WHERE name LIKE 'devora%'")
    assert not isinstance(rows, Unknown)
    assert rows[0]["n"] == 0
    assert "did not end within 0.2 s" in (await why(guest, "SELECT pg_sleep(9)", analyze=True, seconds=0.2)).reason


async def test_a_lock_is_not_waited_for(watched: Dsn, enter: Enter) -> None:
    await execute(watched, *_WORLD[2:3])
    guest = await enter(watched)
    holder = await asyncpg.connect(watched.reveal())
    async with holder.transaction():
        await holder.execute("LOCK TABLE small")
        for text in ("SELECT * FROM small", "SELECT * FROM small WHERE id = $1"):
            began = time.monotonic()
            assert "locked by another session" in (await why(guest, text)).reason
            assert time.monotonic() - began < 1
    await holder.close()
    await plan_of(guest, "SELECT * FROM small WHERE id = $1")


async def test_it_is_told_which_right_is_missing(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched, *_WORLD[2:3], "CREATE SCHEMA shut", "CREATE TABLE shut.t (a int)", 'CREATE TABLE "Odd" (a int)'
    )
    for grants in ((), ("pg_monitor",)):
        guest = await enter(await as_role(watched, *grants))
        refused = await why(guest, "SELECT * FROM small WHERE id = $1")
        assert "permission denied" in refused.reason
        assert refused.remedy == f"GRANT SELECT ON small TO {guest.host.user}"
        assert (await why(guest, 'SELECT * FROM "Odd"')).remedy.startswith('GRANT SELECT ON "Odd"')
        assert (await why(guest, "UPDATE small SET name = $1")).remedy.startswith("GRANT SELECT, UPDATE ON small")
        assert (await why(guest, "SELECT * FROM shut.t")).remedy.startswith("GRANT USAGE ON SCHEMA shut")
        await plan_of(guest, "SELECT $1::int")


async def test_the_search_path_is_the_applications(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE SCHEMA app",
        "CREATE TABLE app.mine (a int)",
        "CREATE TABLE public.theirs (a int)",
        "CREATE SCHEMA evil",
        "CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
        "CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
    )
    guest = await enter(watched)
    assert "public" in (await plan_of(guest, "SELECT * FROM theirs WHERE a = $1")).search_path
    assert "search_path" in (await why(guest, "SELECT * FROM mine WHERE a = $1")).reason
    assert (await plan_of(guest, "SELECT * FROM mine WHERE a = $1", search_path="app")).search_path == "app"
    for path in ("evil, pg_catalog, app", "evil, app, pg_catalog"):
        await plan_of(guest, "SELECT * FROM mine WHERE a = $1", search_path=path)
    assert 'invalid value for parameter "search_path"' in (await why(guest, "SELECT 1", search_path='a, "b')).reason
    await execute(watched, f'ALTER DATABASE "{guest.host.database}" SET search_path = app, public')
    await plan_of(guest, "SELECT * FROM mine, theirs")
    rows = await guest.query("SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS t")
    assert not isinstance(rows, Unknown)
    assert rows[0]["path"] == "pg_catalog, pg_temp"


async def test_the_author_brings_settings(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    author = (await enter(await as_role(watched))).host.user
    await execute(
        watched,
        f"CREATE SCHEMA {author}",
        f"CREATE TABLE {author}.own (a int)",
        f"ALTER ROLE {author} SET work_mem = '7MB'",
        f"ALTER ROLE {author} SET enable_hashjoin = off",
    )
    rows = await guest.query("SELECT oid::bigint AS oid FROM pg_roles WHERE rolname = $1", author)
    assert not isinstance(rows, Unknown)
    plan = await plan_of(guest, "SELECT * FROM own WHERE a = $1", author=Author(rows[0]["oid"], author))
    assert plan.work_mem == "7MB"
    assert ("enable_hashjoin", "off") in plan.settings
    assert any(author in note and "row-level security" in note for note in plan.notes)
    assert (await plan_of(guest, "SELECT 1")).work_mem != "7MB"


async def test_hostile_text_and_names(watched: Dsn, enter: Enter) -> None:
    odd = 'a"; DROP TABLE small; --\x1b[31m [red]\u202e'
    name = '"' + odd.replace('"', '""') + '"'
    await execute(watched, *_WORLD[2:3], f"CREATE TABLE {name} (a int)")
    guest = await enter(watched)
    await execute(watched, f'ALTER DATABASE "{guest.host.database}" SET standard_conforming_strings = off')
    guest = await enter(watched)
    for text in (
        "SELECT 'a\\', $1::int, '; DROP TABLE small; --'",
        f"TABLE {name} ORDER BY $1::int",
        f"SELECT $$;$1$$, E'\\';', * FROM {name} WHERE a = $1 /* ; /* ' */ */",  # noqa: S608
        "SELECT '" + "x" * 200_000 + "' FROM small WHERE id = $1",
        "SELECT 'é\u2028' AS \"日本\" FROM small WHERE name = $1",
    ):
        assert (await plan_of(guest, text)).kind == "generic"
    plan = await plan_of(guest, f"TABLE {name}")
    assert plan.root.relation == odd


async def test_a_squashed_list_is_noted(watched: Dsn, enter: Enter) -> None:
    await execute(watched, *_WORLD[:2])
    plan = await plan_of(await enter(watched), "SELECT * FROM big WHERE grp IN ($1 /*, ... */)")
    assert any("list of one value" in note for note in plan.notes)


async def test_partitions_left_out_for_a_null_are_noted(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE parts (k int, v text) PARTITION BY LIST (k)",
        *(f"CREATE TABLE parts_{n} PARTITION OF parts FOR VALUES IN ({n})" for n in range(3)),
    )
    guest = await enter(watched)
    plan = await plan_of(guest, "SELECT * FROM parts WHERE k = $1")
    seen = {node.relation for node in plan.nodes if node.relation}
    noted = any("Partitions were left out" in note for note in plan.notes)
    assert noted if guest.host.version < 160000 else len(seen) == 3 and not noted


async def test_a_rule_makes_several_plans_or_none(watched: Dsn, enter: Enter) -> None:
    await execute(
        watched,
        "CREATE TABLE kept (a int)",
        "CREATE TABLE ruled (a int)",
        "CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING",
        "CREATE RULE also AS ON UPDATE TO ruled DO ALSO INSERT INTO kept VALUES (1)",
    )
    guest = await enter(watched)
    assert "has no plan for it" in (await why(guest, "INSERT INTO ruled VALUES (1)")).reason
    plan = await plan_of(guest, "UPDATE ruled SET a = 1")
    assert any("2 statements" in note for note in plan.notes)


async def test_text_by_queryid(watched: Dsn, enter: Enter) -> None:
    guest = await enter(watched)
    absent = await find_text(guest, 1)
    assert isinstance(absent, Unknown)
    assert absent.reason == "pg_stat_statements is loaded, but not created in this database"
    await execute(
        watched,
        "CREATE SCHEMA ext",
        "CREATE EXTENSION pg_stat_statements SCHEMA ext",
        *_WORLD[2:3],
        "SELECT 1 FROM small WHERE id = 7 AND name = 'x'",
    )
    guest = await enter(watched)
    rows = await guest.query(
        "SELECT queryid, dbid::bigint FROM ext.pg_stat_statements WHERE query LIKE 'SELECT $1 FROM small%'"
        " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert not isinstance(rows, Unknown)
    found = await find_text(guest, rows[0]["queryid"])
    assert isinstance(found, Found)
    assert found.toplevel
    assert found.author.name == guest.host.user
    assert "$2" in _conditions(await plan_of(guest, found.text, author=found.author))
    missing = await find_text(guest, 4)
    assert missing == Missing((), hidden=False)
    nobody = await enter(await as_role(watched))
    await execute(watched, "GRANT USAGE ON SCHEMA ext TO PUBLIC")
    assert await find_text(nobody, rows[0]["queryid"]) == Missing((), hidden=True)
    other = await enter(Dsn(watched.reveal().replace(guest.host.database, "postgres")))
    if "pg_stat_statements" not in other.host.extensions:
        assert isinstance(await find_text(other, rows[0]["queryid"]), Unknown)


_PIECES = (
    "'", "''", "'a'", "E'", "E'\\'", "\\'", "\\", "$$", "$a$", "$1::int", "$2", "--", "\n", "\r", "/*", "*/", ";",
    "; select 2", '"', "U&'", "B'", "X'1'", "1e", "1.5", "a$", "+", "-", " ", ", ", "'x\n'", "é", "e",
)  # fmt: skip


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 6))])
async def test_statements_are_cut_as_the_server_cuts_them(watched: Dsn, enter: Enter, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    connection = (await enter(watched)).connection
    seen = {"one": 0, "not one": 0}
    for _ in range(700):
        text = "select 1 " + dice.choice(("as x ", ", ", ""))
        text += "".join(dice.choice(_PIECES) for _ in range(dice.randint(1, 9))) + dice.choice(
            ("", "'", '"', "*/", "$$")
        )
        ours = read_statement(text)
        try:
            prepared = await connection.prepare(text)
        except asyncpg.PostgresSyntaxError as error:
            if "multiple commands" in str(error) or "unterminated" in str(error):
                seen["not one"] += 1
                assert isinstance(ours, Unknown), text
        except asyncpg.PostgresError:
            continue
        else:
            seen["one"] += 1
            assert isinstance(ours, Statement), text
            assert ours.parameters == len(prepared.get_parameters()), text
    assert min(seen.values()) > 10


async def test_our_questions_for_plans_are_left_out_of_our_lists(watched: Dsn, enter: Enter) -> None:
    await execute(watched, "CREATE EXTENSION pg_stat_statements", *_WORLD[2:3], "SELECT pg_stat_statements_reset()")
    guest = await enter(watched)
    for text in ("SELECT count(*) FROM small", "SELECT count(*) FROM small WHERE id = $1", "SELECT FROM nowhere"):
        await explain(guest, text)
    rows = await guest.query(
        "SELECT s.query, s.toplevel FROM public.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
        " WHERE d.datname = current_database()"
    )
    assert not isinstance(rows, Unknown)
    told = [row["query"] for row in rows]
    assert any("EXPLAIN" in each for each in told)
    ours = [each for each in told if each.startswith(TAG) or each.endswith(TAG)]
    assert [each for each in told if each not in ours] == ["SELECT pg_stat_statements_reset()"]
