"""The back-fill: complete, resumable, shared, never wrong about a document that was edited, and honest at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from devora_console.config.settings import Settings
from devora_console.postgres.locks import EMBEDDING
from devora_console.schema import check
from devora_console.search.embed import steering
from devora_console.search.embed.ann import index_name, memory_for, state_of
from devora_console.search.embed.backfill import Wanted
from devora_console.search.embed.ceiling import Ceiling
from devora_console.search.embed.hashing import HashEmbedder
from devora_console.search.embed.models import Price
from devora_console.search.embed.progress import Ending, Progress, Result
from devora_console.search.embed.provider import Embedder, Vector
from devora_console.search.embed.remote import Patience, RemoteEmbedder, remote_embedder
from tests.search.embed.conftest import World
from tests.search.openai_server import POISON, Fault, OpenAIServer, tokens_of

CURRENT = (
    "SELECT count(*) FROM search_documents d WHERE EXISTS (SELECT FROM embeddings e WHERE e.user_id = d.user_id"
    " AND e.entity_type = d.entity_type AND e.entity_id = d.entity_id AND e.content_hash = d.content_hash)"
)
CLAIMS = "SELECT count(*) FROM devora_console.embedding_claim"


class Hooked(HashEmbedder):
    """Hash vectors; ``before`` is called with each batch first."""

    def __init__(self, before: Any = None) -> None:
        self.before = before
        self.seen: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        self.seen += texts
        if self.before is not None:
            await self.before(texts)
        return await super().embed(texts)


def remote(server: OpenAIServer, seconds: float = 5, **more: Any) -> RemoteEmbedder:
    given = {"provider": "openai", "base_url": server.url, "api_key": server.key, "dimensions": 8} | more
    return remote_embedder(Settings.model_validate({"embed": given}), Patience(seconds))


async def run(world: World, embedder: Embedder, wanted: Wanted | None = None, **more: Any) -> Result:
    return await world.backfill(embedder, wanted, **more).run()


async def test_everything_is_embedded_once_and_its_context_stands_in_front(world: World) -> None:
    embedder = Hooked()
    result = await run(world, embedder)
    assert result.words == "6 embedded, 0 remaining, 0 failed"
    many = replace(result, progress=replace(result.progress, embedded=2518))
    assert many.words == "2\u202f518 embedded, 0 remaining, 0 failed"  # as every other count is written
    assert (result.ending, result.progress.total, result.progress.vectors) == (Ending.DONE, 6, 6)
    assert await world.value(CURRENT) == 6
    assert "Fuite · Atelier\nRedémarre le conteneur chaque nuit" in embedder.seen
    assert "Atelier\nsrc/app.py\ndef main(): pass" in embedder.seen
    assert await world.value("SELECT count(DISTINCT vector_dims(embedding_vector)) FROM embeddings") == 1
    again = await run(world, embedder)
    assert (again.progress.total, again.progress.embedded, len(embedder.seen)) == (0, 0, 6)
    assert await world.value(CLAIMS) == 0


async def test_an_edited_document_is_embedded_again_and_a_shorter_one_loses_its_chunks(world: World) -> None:
    (long,) = await world.say("Une phrase assez longue pour compter. " * 200)
    await run(world, HashEmbedder())
    count = "SELECT count(*) FROM embeddings WHERE entity_id = $1"
    assert int(str(await world.value(count, long))) > 4
    await world.value("UPDATE messages SET content = 'court' WHERE id = $1", long)
    assert await world.value(CURRENT) == 6
    result = await run(world, HashEmbedder())
    assert (result.progress.embedded, await world.value(CURRENT), await world.value(count, long)) == (1, 7, 1)


async def test_what_is_edited_while_it_is_embedded_ends_stale_and_comes_again(world: World) -> None:
    edits = ["UPDATE messages SET content = content || '!' WHERE content = 'La facture est partie deux fois'"]

    async def edit(texts: Sequence[str]) -> None:
        if edits:
            await world.value(edits.pop())

    embedder = Hooked(edit)
    result = await run(world, embedder)
    assert (result.progress.changed, result.progress.embedded, result.remaining) == (1, 6, 0)
    assert embedder.seen[-1].endswith("deux fois!")
    assert await world.value(CURRENT) == 6


async def test_a_deleted_user_takes_nothing_down_and_vectors_without_a_document_go(world: World) -> None:
    await run(world, HashEmbedder())
    await world.value("UPDATE projects SET deleted_at = now()")
    result = await run(world, HashEmbedder())
    assert await world.value("SELECT count(*) FROM embeddings WHERE entity_type = 'file'") == 0
    assert result.removed == 2

    async def leave(texts: Sequence[str]) -> None:
        await world.value("DELETE FROM users")

    await world.value("DELETE FROM embeddings")
    result = await run(world, Hooked(leave))
    assert (result.ending, result.remaining, result.progress.embedded) == (Ending.DONE, 0, 0)


async def test_nothing_to_embed_is_counted_as_such(world: World) -> None:
    await world.say("   ", "…!")
    result = await run(world, HashEmbedder())
    assert result.progress.empty >= 1
    assert result.progress.failed == 0
    assert result.remaining == 0
    again = await run(world, HashEmbedder())
    assert (again.progress.total, again.progress.empty) == (0, 0)


async def test_poison_is_narrowed_down_and_tried_again_on_request(world: World, server: OpenAIServer) -> None:
    poisoned = await world.say(f"du poison {POISON}", f"encore {POISON}")
    embedder = remote(server)
    result = await run(world, embedder)
    assert result.words == "6 embedded, 0 remaining, 2 failed"
    reasons = await world.value("SELECT array_agg(reason) FROM devora_console.embedding_failure")
    assert all("refuses the texts (400" in str(reason) for reason in reasons)  # type: ignore[attr-defined]
    asked = len(server.asked)
    await run(world, embedder)
    assert len(server.asked) == asked
    await run(world, embedder, Wanted(again=True))
    assert len(server.asked) > asked
    await world.value("UPDATE messages SET content = 'guéri' WHERE id = $1", poisoned[0])
    assert (await run(world, embedder)).words == "1 embedded, 0 remaining, 0 failed"


async def test_a_quota_stops_and_the_next_run_goes_on(world: World, server: OpenAIServer) -> None:
    server.faults.append(Fault.quota())
    result = await run(world, remote(server))
    assert (result.ending, result.remaining, result.progress.failed) == (Ending.REFUSED, 6, 0)
    assert result.problem is not None
    assert result.problem.code == "embed_quota"
    assert await world.value(CLAIMS) == 0
    server.faults += [Fault.rate_limit("0.01"), Fault.fails(500), Fault.fewer()]
    assert (await run(world, remote(server))).words == "6 embedded, 0 remaining, 0 failed"


async def test_tokens_of_batches_under_way_together_are_counted_once(world: World, server: OpenAIServer) -> None:
    await world.value(
        "WITH made AS (INSERT INTO users (id, email, hashed_password)"
        " SELECT gen_random_uuid(), n || '@example.org', 'x' FROM generate_series(1, 8) n RETURNING id)"
        " INSERT INTO projects (id, user_id, name) SELECT gen_random_uuid(), id, 'Atelier' FROM made"
    )
    server.faults += [Fault.slow(0.05)] * 12
    result = await run(world, remote(server))
    assert len(server.asked) > 4
    assert result.progress.tokens == sum(tokens_of(text) for asked in server.asked for text in asked.texts)


@pytest.mark.slow
async def test_a_provider_that_always_gives_fewer_vectors_fails_the_batch_with_its_reason(
    world: World, server: OpenAIServer
) -> None:
    server.faults += [Fault.fewer()] * 4
    result = await run(world, remote(server))
    assert (result.progress.embedded, result.progress.failed) == (0, 6)
    assert "5 vectors instead of 6" in str(await world.value("SELECT reason FROM devora_console.embedding_failure"))


@pytest.mark.parametrize(
    ("ceiling", "embedded"),
    [
        (Ceiling(cost=0.00002), None),
        pytest.param(Ceiling(rows=2), 2, marks=pytest.mark.slow),
        pytest.param(Ceiling(tokens=20), None, marks=pytest.mark.slow),
        pytest.param(Ceiling(rows=0), 0, marks=pytest.mark.slow),
    ],
    ids=["cost", "rows", "tokens", "nothing"],
)
async def test_a_ceiling_is_an_outcome_of_its_own(
    world: World, server: OpenAIServer, ceiling: Ceiling, embedded: int | None
) -> None:
    price = Price(1.0, "2026-01-01", "test")
    result = await run(world, remote(server), Wanted(ceiling), price=price)
    assert result.ending is Ending.CEILING
    assert result.problem is None
    if embedded is None:
        assert 0 < result.progress.embedded < 6
    else:
        assert result.progress.embedded == embedded
    assert result.progress.embedded + result.remaining == 6
    assert await world.value("SELECT state FROM devora_console.embedding_run") == "stopped"
    assert (await run(world, remote(server), price=price)).remaining == 0


async def test_two_runs_share_the_work(world: World) -> None:
    await world.say(*(f"message numéro {number}" for number in range(400)))
    first, second = Hooked(), Hooked()
    results = await asyncio.gather(run(world, first), run(world, second))
    assert sum(each.progress.embedded for each in results) == 406
    assert len(first.seen) + len(second.seen) == 406  # nothing was embedded twice
    assert await world.value(CURRENT) == 406


async def test_claims_of_a_dead_run_are_free_at_once_and_those_of_a_living_one_are_not(world: World) -> None:
    other = "00000000-0000-0000-0000-00000000000a"
    await world.value(
        "INSERT INTO devora_console.embedding_claim SELECT user_id, entity_type, entity_id, 'hash256-v1',"
        " $1::text::uuid, now() + interval '1 hour' FROM search_documents WHERE entity_type = 'message'",
        other,
    )
    living = await world.connect()
    await living.execute("SELECT pg_advisory_lock($1, hashtext($2))", EMBEDDING, other)
    result = await run(world, HashEmbedder())
    assert (result.progress.embedded, result.remaining) == (3, 3)
    await living.close()
    assert (await run(world, HashEmbedder())).words == "3 embedded, 0 remaining, 0 failed"


async def test_pause_and_resume_from_elsewhere(world: World) -> None:
    elsewhere = await world.connect()
    told: list[Progress] = []

    async def pause(texts: Sequence[str]) -> None:
        if not any(each.paused for each in told):
            (alive,) = await steering.wish(elsewhere, paused=True)
            assert alive.alive
            await asyncio.sleep(0.6)

    await world.say("x" * 4_000_000)  # several portions: the second one waits
    running = asyncio.ensure_future(world.backfill(Hooked(pause), on_progress=told.append).run())
    while not any(each.paused for each in told):  # noqa: ASYNC110 - what is told comes with no event
        await asyncio.sleep(0.02)
    assert [each.state for each in await steering.runs(elsewhere)] == ["paused"]
    assert not running.done()
    await steering.wish(elsewhere, paused=False)
    result = await asyncio.wait_for(running, 30)
    assert result.remaining == 0
    assert not told[-1].paused
    assert [each.words for each in await steering.runs(elsewhere)] == ["done"]


@pytest.mark.slow
async def test_cancelled_it_gives_its_claims_back(world: World) -> None:
    started = asyncio.Event()

    async def hang(texts: Sequence[str]) -> None:
        started.set()
        await asyncio.sleep(60)

    running = asyncio.ensure_future(run(world, Hooked(hang)))
    await started.wait()
    assert await world.value(CLAIMS) == 6
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await world.value(CLAIMS) == 0
    assert (await run(world, HashEmbedder())).remaining == 0


async def test_the_index_is_made_when_there_is_enough_and_set_aside_for_much_more(world: World) -> None:
    db = await world.connect()
    small = await run(world, HashEmbedder())
    assert small.index is not None
    assert small.index.outcome == "small"
    model = HashEmbedder.model
    built = await run(world, HashEmbedder(), Wanted(index_from=1))
    assert built.index is not None
    assert (built.index.outcome, built.index.rows) == ("built", 6)
    found = await state_of(db, model, 256)
    assert (found.state, found.name) == ("ready", index_name(model, 256))
    drift = [each for each in (await check(db)).drift if "ann" in each.object]
    assert not drift
    await db.execute("SET enable_seqscan = off")
    plan = await db.fetch(
        "EXPLAIN SELECT entity_id FROM embeddings WHERE user_id = $1 AND model_name = 'hash256-v1' ORDER BY"
        " embedding_vector::vector(256) <=> (SELECT embedding_vector::vector(256) FROM embeddings LIMIT 1) LIMIT 3",
        world.user,
    )
    assert any(f"{found.name}_p" in row[0] for row in plan), plan
    again = await run(world, HashEmbedder(), Wanted(index_from=1))
    assert again.index is not None
    assert again.index.outcome == "ready"
    # A build that was killed: one partition has none, another an invalid one.
    await db.execute(f"DROP INDEX {found.name}")
    await db.execute(
        f"CREATE INDEX {found.name}_p03 ON devora_console.embeddings_p03 USING hnsw"
        " ((embedding_vector::vector(256)) vector_cosine_ops) WHERE model_name = 'hash256-v1'"
    )
    await db.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = $1::text::regclass",
        f"devora_console.{found.name}_p03",
    )
    assert (await state_of(db, model, 256)).state == "partial"
    await run(world, HashEmbedder(), Wanted(index_from=1))
    assert (await state_of(db, model, 256)).state == "ready"


@pytest.mark.slow
async def test_vectors_beyond_two_thousand_numbers_are_indexed_at_half_precision(
    world: World, server: OpenAIServer
) -> None:
    embedder = remote(server, model="text-embedding-3-large", dimensions=None)
    result = await run(world, embedder, Wanted(index_from=1))
    assert result.index is not None
    assert result.index.outcome == "built"
    definition = await world.value(f"SELECT pg_get_indexdef('{result.index.index}'::regclass)")
    assert "halfvec(3072)" in str(definition)


def test_memory_for_an_index_grows_with_its_rows() -> None:
    assert memory_for(0, 256) == 64 << 20
    assert 1.2e9 < memory_for(800_000, 256) < 1.5e9
    assert memory_for(10**9, 256) == 2 << 30
