"""All methods at once: what is found, as whom, and what a hostile query does (nothing)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from devora_console.config.settings import PostgresSettings, Settings
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Plan
from devora_console.search.engine import Engine, Round
from devora_console.search.found import Found
from devora_console.search.knobs import asked_of
from devora_console.search.model import MARK_BEGIN, Asked, Filters, Isolation, Method, SearchSnapshot
from devora_console.search.movement import movement
from devora_console.search.plans import flags
from devora_console.search.playground import Playground
from devora_console.search.trying import Neighbours, Tried
from tests.conftest import DatabaseFrom, TemplateDatabase
from tests.postgres.conftest import as_role
from tests.search.world import ALICE, BOB, NOBODY, World, execute, name, prepare

ODD = (
    "", "   ", "\0", "c++", "'; drop table users; --", "le la les", "-fuite", "-fuite -cache", "🙂", "\ud800",
    "((((", "foo | & !", "a or or b", '"guillemet', "x" * 10_000, "mot " * 2_500, "\x02\x03", "\\", "%_%", "<->",
    "[bold]", "fuite:*", "AND", "''", "é" * 3000,
)  # fmt: skip


def asked(world: World, text: str, user: object = ALICE, **more: object) -> Asked:
    return replace(asked_of(world.settings, text, user=str(user) if user else None), **more)  # type: ignore[arg-type]


async def ask(playground: Playground, what: Asked) -> SearchSnapshot:
    found = await playground.ask(what)
    assert found is not None
    return found


def ids(snapshot: SearchSnapshot, method: Method) -> list[str]:
    return [hit.entity_id for hit in snapshot.methods[method].hits]


@pytest.mark.parametrize("text", ["fuite mémoire", "fuite de la mémoire du cache expliquée", "xyzzy", "jeton"])
async def test_a_hybrid_alone_finds_what_it_finds_beside_its_legs(
    world: World, playground: Playground, text: str
) -> None:
    every = await ask(playground, asked(world, text))
    alone = await ask(playground, asked(world, text, methods=(Method.HYBRID,)))
    assert list(alone.methods) == [Method.HYBRID]
    one, other = alone.methods[Method.HYBRID].hits, every.methods[Method.HYBRID].hits
    assert [(hit.key, hit.score, hit.title) for hit in one] == [(hit.key, hit.score, hit.title) for hit in other]


async def test_every_method_answers_as_the_user_gets_it(world: World, playground: Playground) -> None:
    told: list[SearchSnapshot] = []
    found = await playground.ask(asked(world, "fuite mémoire"), told.append)
    assert found is not None
    assert found.complete
    assert found.role == "app_user"
    assert [len(each.methods) for each in told] == [1, 2, 3, 4]
    assert ids(found, Method.FTS)[0] == str(name("leak"))
    assert str(name("mail 1")) not in {hit for method in Method for hit in ids(found, method)}
    assert isinstance(found.isolation, Isolation)
    assert found.isolation.ok
    assert found.isolation.checked >= 3
    first = found.methods[Method.HYBRID].hits[0]
    assert first.entity_id == str(name("leak"))
    assert {part.leg for part in first.legs} == {Method.FTS, Method.TRIGRAM, Method.SEMANTIC}
    assert first.score == pytest.approx(sum(part.term for part in first.legs))
    assert all(hit.owner == str(ALICE) for hit in found.methods[Method.SEMANTIC].hits)


async def test_another_user_and_the_owner_find_other_things(world: World, playground: Playground) -> None:
    bob = await ask(playground, asked(world, "fuite mémoire", BOB))
    assert ids(bob, Method.FTS) == [str(name("mail 1"))]
    nobody = await ask(playground, asked(world, "fuite mémoire", NOBODY))
    assert not any(ids(nobody, method) for method in Method)
    assert isinstance(nobody.isolation, Unknown)
    owner = await ask(playground, asked(world, "fuite mémoire", None, as_owner=True))
    assert {str(name("mail 1")), str(name("leak"))} <= set(ids(owner, Method.FTS))
    assert owner.role != "app_user"
    assert isinstance(owner.isolation, Unknown)
    without = await ask(playground, asked(world, "fuite", None))
    assert isinstance(without.methods[Method.FTS].problem, Problem)


async def test_nothing_typed_raises(world: World, playground: Playground) -> None:
    for text in ODD:
        found = await ask(playground, asked(world, text))
        assert found.complete
        for answer in found.methods.values():
            assert not isinstance(answer.problem, Unknown), (text, answer)
        assert isinstance(found.isolation, Unknown) or found.isolation.ok


async def test_a_typing_error_finds_what_was_meant(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, "fuitte memoir du procesus"))
    words = {word.text: (word.fate.value, word.became) for word in found.analysed.words}
    assert words["du"] == ("stop word", "")
    assert words["procesus"][0] == "corrected"
    assert str(name("leak 1")) in ids(found, Method.FTS)
    bob = await ask(playground, asked(world, "processus", BOB))
    assert "leak" not in str(bob.analysed.words)  # his own words only, never those of others
    assert all(word.fate.value != "kept" for word in bob.analysed.words)


async def test_a_real_word_that_nobody_wrote_is_not_taken_for_another(world: World, playground: Playground) -> None:
    await execute(
        world.dsn,
        f"UPDATE public.messages SET content = 'Il faut préparer un ordre.' WHERE id = '{name('leak 1')}'",  # noqa: S608
    )
    await execute(world.dsn, "SELECT public.devora_refresh_vocabulary()")
    found = await ask(playground, asked(world, "réparer"))
    assert [(word.fate.value, word.became) for word in found.analysed.words] == [("in no document", "repar")]
    assert "In no document: réparer." in found.analysed.notes
    slip = await ask(playground, asked(world, "préaprer"))
    assert "préaprer (by the stem prepar, too)" in str(slip.analysed.notes)


async def test_signs_of_languages_are_spelt_as_files_do(world: World, playground: Playground) -> None:
    await execute(
        world.dsn,
        f"UPDATE public.messages SET content = 'Voici: ```cpp\\nint a;```' WHERE id = '{name('leak 1')}'",  # noqa: S608
    )
    found = await ask(playground, asked(world, "C++"))
    assert ids(found, Method.FTS) == [str(name("leak 1"))]
    assert "C++ as cpp" in str(found.analysed.notes)
    option = await ask(playground, asked(world, "git --worker"))
    assert [word.fate.value for word in option.analysed.words] == ["in no document", "kept"]
    assert "!" not in option.analysed.strict


async def test_nothing_to_find_is_not_a_missing_model(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, "fuite", NOBODY))
    problem = found.methods[Method.SEMANTIC].problem
    assert isinstance(problem, Problem)
    assert problem.code == "no_documents_yet"
    stop = await ask(playground, asked(world, "le la"))
    assert "fewer than three" not in str(stop.methods[Method.TRIGRAM].problem)


async def test_names_and_identifiers_are_found_in_parts(world: World, playground: Playground) -> None:
    for text, what in (("jwt.py", "jwt"), ("docker compose", "compose"), ("verify_token", "jwt"), ("verify", "jwt")):
        found = await ask(playground, asked(world, text))
        assert ids(found, Method.FTS)[:1] == [str(name(what))], text


async def test_filters_leave_out_in_every_method(world: World, playground: Playground) -> None:
    for kept in (Filters(kinds=("file",)), Filters(language="python")):
        found = await ask(playground, asked(world, "worker token", filters=kept))
        for method in Method:
            hits = found.methods[method].hits
            assert {hit.entity_type for hit in hits} <= {"file"}, method
            assert kept.language is None or {hit.metadata["language"] for hit in hits} <= {"python"}
        assert ids(found, Method.HYBRID)


async def test_snippets_are_marked_and_hold_no_marks_of_the_text(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, "commandes terminées"))
    snippet = found.methods[Method.FTS].hits[0].snippet
    assert f"{MARK_BEGIN}commandes" in snippet
    assert f"{MARK_BEGIN}ici" not in snippet


async def test_without_pgvector_the_other_legs_answer(
    template_database: TemplateDatabase, database_from: DatabaseFrom
) -> None:
    template = await template_database("search_bare", lambda dsn: prepare(dsn, ("pg_trgm", "unaccent")))
    world = World(await database_from(template))
    playground = await Playground.open(world.settings)
    try:
        found = await ask(playground, asked(world, "fuite mémoire"))
    finally:
        await playground.close()
    missing = found.methods[Method.SEMANTIC].problem
    assert isinstance(missing, Problem)
    assert missing.code == "no_extension"
    assert ids(found, Method.HYBRID)[0] == str(name("leak"))
    assert "without_semantic" in found.methods[Method.HYBRID].flags


async def test_pgvector_that_goes_while_searching_is_told(world: World, playground: Playground) -> None:
    assert ids(await ask(playground, asked(world, "fuite mémoire")), Method.SEMANTIC)
    await execute(world.dsn, "DROP EXTENSION vector CASCADE")
    found = await ask(playground, asked(world, "fuite mémoire worker"))
    missing = found.methods[Method.SEMANTIC].problem
    assert isinstance(missing, Unknown)
    assert "not in the database any more" in missing.reason
    assert missing.remedy == "See: schema check"
    assert found.methods[Method.HYBRID].hits


async def test_vectors_of_another_model_are_never_compared(world: World, playground: Playground) -> None:
    connection = await asyncpg.connect(world.dsn.reveal())
    await connection.execute("UPDATE public.embeddings SET model_name = 'somebody else''s'")
    await connection.close()
    problem = (await ask(playground, asked(world, "fuite"))).methods[Method.SEMANTIC].problem
    assert isinstance(problem, Problem)
    assert problem.code == "other_model"


async def test_a_newer_ask_ends_the_one_before_it_on_the_server(world: World, playground: Playground) -> None:
    slow = await asyncpg.connect(world.dsn.reveal())
    # Whoever asks for the details of a hit waits for this lock.
    await slow.execute("BEGIN; LOCK TABLE public.projects IN ACCESS EXCLUSIVE MODE")
    first = asyncio.ensure_future(playground.ask(asked(world, "fuite mémoire")))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while not await slow.fetchval(waiting):  # noqa: ASYNC110 - only the server knows
        await asyncio.sleep(0.01)
    second = asyncio.ensure_future(playground.ask(asked(world, "verify_token")))
    assert await first is None  # though what it waits for is still locked
    await slow.execute("ROLLBACK")
    await slow.close()
    found = await second
    assert found is not None
    assert ids(found, Method.FTS)[0] == str(name("jwt"))


async def test_a_login_that_may_not_be_the_role_is_told(world: World) -> None:
    dsn = await as_role(world.dsn)
    playground = await Playground.open(Settings(postgres=PostgresSettings(dsn=dsn)))
    try:
        found = await ask(playground, asked(world, "fuite"))
        owner = await ask(playground, asked(world, "fuite", None, as_owner=True))
    finally:
        await playground.close()
    for snapshot, code in ((found, "not_member"), (owner, "not_owner")):
        problem = snapshot.methods[Method.FTS].problem
        assert isinstance(problem, Problem)
        assert problem.code == code


async def test_plans_neighbours_and_edited_statements(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, "fuite mémoire"))
    plans = await playground.explain(found, Method.HYBRID)
    assert set(plans) == {Method.FTS, Method.TRIGRAM, Method.SEMANTIC}
    for method, plan in plans.items():
        assert isinstance(plan, Plan), (method, plan)
        assert flags(plan, method) == ()
    near = await playground.neighbours(found)
    assert isinstance(near, Neighbours)
    assert near.recall == 1.0
    answer = found.methods[Method.FTS]
    tried = await playground.try_sql(found.asked, answer.sql, answer.parameters)
    assert isinstance(tried, Tried)
    assert tried.columns[:2] == ("entity_type", "entity_id")
    assert [str(row[1]) for row in tried.rows[:1]] == ids(found, Method.FTS)[:1]
    own = await playground.try_sql(found.asked, "SELECT count(*) FROM public.search_documents")
    assert isinstance(own, Tried)
    assert own.rows == ((6,),)
    for wrong in ("DELETE FROM users", "SELECT 1; SELECT 2", "SELECT set_config('role', 'postgres', true)", "SELEC"):
        refused = await playground.try_sql(found.asked, wrong)
        assert isinstance(refused, Unknown), wrong
        assert "plan" not in str(refused)
        assert "it what" not in str(refused)
    hasty = replace(found.asked)
    playground._engine.settings = playground._engine.settings.model_copy(update={"statement_seconds": 0.2})
    assert "it was ended after 0.2 s" in str(await playground.try_sql(hasty, "SELECT pg_sleep(5)"))


async def test_few_vectors_are_compared_with_every_one_on_purpose(
    world: World, playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devora_console.search.plans._MANY_ROWS", 1.0)
    found = await ask(playground, asked(world, "fuite mémoire"))
    plan = (await playground.explain(found, Method.SEMANTIC))[Method.SEMANTIC]
    assert isinstance(plan, Plan)
    assert "does not use" not in str(flags(plan, Method.SEMANTIC))
    through = replace(plan, settings=(("enable_sort", "off"),))
    assert "does not use" in str(flags(through, Method.SEMANTIC))


async def test_movement_is_told_against_a_baseline(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, "fuite mémoire"))
    told = movement(found.methods[Method.HYBRID].hits, found.methods[Method.FTS].hits)
    assert told.words(("conversation", str(name("leak")))) == "="
    assert told.new


async def test_each_leg_is_asked_once(world: World, playground: Playground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that begins before the analysis, too."""
    asked_for: list[Method] = []
    leg = Engine._leg

    async def counted(self: Engine, now: Round, method: Method) -> Found:
        asked_for.append(method)
        return await leg(self, now, method)

    monkeypatch.setattr(Engine, "_leg", counted)
    for text in ("fuite mémoire", "fuite -cache"):
        asked_for.clear()
        await ask(playground, asked(world, text))
        assert sorted(asked_for) == [Method.FTS, Method.SEMANTIC, Method.TRIGRAM]
