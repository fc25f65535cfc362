"""A provider of embeddings that hangs costs a search its meaning, and nothing else."""

from __future__ import annotations

from devora_console.config.embed import EmbedSettings
from devora_console.config.searching import SearchSettings
from devora_console.config.secret import Secret
from devora_console.core.problems import Problem
from devora_console.search.knobs import asked_of
from devora_console.search.model import Method
from devora_console.search.playground import Playground
from tests.search.openai_server import Fault, openai_server
from tests.search.world import ALICE, World, name


async def test_other_methods_answer_without_it(world: World) -> None:
    with openai_server() as server:
        server.faults += [Fault.hangs(4)] * 3
        settings = world.settings.model_copy(
            update={
                "embed": EmbedSettings(
                    provider="openai", base_url=server.url, api_key=Secret(server.key), dimensions=8
                ),
                "search": SearchSettings(meaning_seconds=0.2),
            }
        )
        playground = await Playground.open(settings)
        try:
            found = await playground.ask(asked_of(settings, "fuite mémoire", user=str(ALICE)))
        finally:
            await playground.close()
    assert found is not None
    problem = found.methods[Method.SEMANTIC].problem
    assert isinstance(problem, Problem)
    assert problem.code == "embed_slow"
    assert found.methods[Method.HYBRID].hits[0].entity_id == str(name("leak"))
    assert "without_semantic" in found.methods[Method.HYBRID].flags
