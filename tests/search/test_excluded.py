"""-word: a document that holds the word comes back from no method."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from devora_console.postgres.plans import Plan
from devora_console.search import get_search_service
from devora_console.search.model import Fate, Method
from devora_console.search.playground import Playground
from devora_console.search.rag.pipeline import get_rag_pipeline
from devora_console.search.trying import Neighbours
from tests.postgres.conftest import as_role
from tests.search.test_playground import ask, asked, ids
from tests.search.world import ALICE, World, name

HOLDERS = {
    # what is typed, who holds what is excluded in it, and a method that knows nothing of words but found it before
    "commandes terminées worker -cache": ("leak 2", Method.SEMANTIC),
    "boutique vélos -panier": ("shop", Method.TRIGRAM),
    'commandes terminées -"jamais vidé"': ("leak 2", Method.SEMANTIC),
    "services worker -docker-compose.yml": ("compose", Method.SEMANTIC),
    "worker or -cache": ("leak 2", Method.SEMANTIC),
    "worker -cache or commandes": ("leak 2", Method.FTS),
}


@pytest.mark.parametrize("user", [ALICE, pytest.param(None, marks=pytest.mark.slow)])
async def test_what_is_excluded_comes_back_from_no_method(world: World, playground: Playground, user: object) -> None:
    for typed, (holder, finder) in HOLDERS.items():
        wanted, _, _ = typed.partition(" -" if " or -" not in typed else " or -")
        as_typed = await ask(playground, asked(world, f"{wanted} commandes", user, as_owner=user is None))
        assert str(name(holder)) in ids(as_typed, finder), typed
        found = await ask(playground, asked(world, typed, user, as_owner=user is None))
        for method in Method:
            assert found.methods[method].problem is None
            assert str(name(holder)) not in ids(found, method), (typed, method)
        assert ids(found, Method.SEMANTIC)
        notes = [each for each in found.analysed.notes if each.startswith("Documents that hold what is excluded")]
        assert len(notes) == 1


async def test_a_phrase_is_excluded_as_one(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, 'worker -"mémoire jamais"'))
    assert [word.fate for word in found.analysed.words] == [Fate.KEPT, Fate.EXCLUDED, Fate.EXCLUDED]
    assert (found.analysed.meaning, found.analysed.names) == ("worker", "worker")
    assert "every method: mémoire jamais." in " ".join(found.analysed.notes)
    assert str(name("leak")) in ids(found, Method.FTS)  # which holds one of the two words


async def test_a_dash_between_words_excludes_nothing(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, "boutique - panier"))
    assert found.analysed.excluded == ""
    assert ids(found, Method.FTS)[0] == str(name("shop"))


async def test_it_does_not_make_a_method_short(world: World, playground: Playground) -> None:
    typed = "commandes terminées ici -cache"
    for method in (Method.SEMANTIC, Method.HYBRID):
        found = await ask(playground, asked(world, typed, limit=1, methods=(method,)))
        assert len(found.methods[method].hits) == 1
        assert "short" not in found.methods[method].flags
    every = await ask(playground, asked(world, typed, limit=50, methods=(Method.SEMANTIC,)))
    assert len(every.methods[Method.SEMANTIC].hits) == 5  # of the six of hers
    titles = await ask(playground, asked(world, "boutique -vélos", methods=(Method.TRIGRAM,)))
    assert titles.methods[Method.TRIGRAM].notes == (
        "No title or name that is not excluded reaches a word similarity of 0.5.",
    )


async def test_a_closer_look_excludes_too(world: World, playground: Playground) -> None:
    found = await ask(playground, asked(world, "commandes terminées -cache"))
    near = await playground.neighbours(found)
    assert isinstance(near, Neighbours)
    assert ("message", str(name("leak 2"))) not in {*near.exact, *near.approximate}
    assert all(isinstance(plan, Plan) for plan in (await playground.explain(found, Method.HYBRID)).values())
    answer = found.methods[Method.SEMANTIC]
    tried: Any = await playground.try_sql(found.asked, answer.sql, answer.parameters)
    assert [str(row[1]) for row in tried.rows] == ids(found, Method.SEMANTIC)


async def test_the_application_does_not_get_it_either(world: World) -> None:
    async with asyncpg.create_pool((await as_role(world.dsn, "app_user")).reveal(), min_size=1, max_size=4) as pool:
        service = get_search_service(pool, world.settings)
        for method in Method:
            found = await service.search("commandes terminées worker -cache", ALICE, method=method)
            assert str(name("leak 2")) not in {each.entity_id for each in found.results}
        await service.close()
        _, response = await get_rag_pipeline(pool, world.settings).augment_query("worker commandes -cache", ALICE)
        assert response.total_contexts
        assert str(name("leak 2")) not in {each.entity_id for each in response.contexts}
