"""The documents of a suite, embedded as those of the application are."""

from __future__ import annotations

import pytest

from devora_console.core.problems import ConsoleError, ExitCode, Problem
from devora_console.postgres.connect import connection
from devora_console.search.embed.chunks import chunks
from devora_console.search.embed.provider import Vector, embedder_of
from devora_console.search.embed.refusals import EmbeddingRefused, Refusal
from devora_console.search.judging.corpus import OWNER, embed, load
from devora_console.search.judging.suite import parse_suite
from tests.search.world import World, execute

_LONG = "Le stock de l'atelier est compté chaque lundi matin par deux personnes. " * 90
SUITE = parse_suite(
    {
        "documents": [
            {"id": "long", "kind": "file", "title": "notes.md", "body": f"{_LONG}\nLe chat dort sur le clavier."},
            {"id": "talk", "kind": "conversation", "title": "Stock", "body": "Qui le compte ?"},
        ],
        "queries": [{"id": "q", "text": "chat", "judgments": {"long": 2}}],
    },
    "s",
)


async def test_a_long_document_is_judged_by_its_pieces_as_it_is_searched_by_them(world: World) -> None:
    async with connection(world.dsn, purpose="test", read_only=False) as opened:
        corpus = await load(opened, SUITE)
        written = await embed(opened, embedder_of(world.settings))
    mine = f"FROM public.embeddings WHERE user_id = '{OWNER}'"
    rows = await execute(world.dsn, f"SELECT entity_type, entity_id, chunk, text_content {mine} ORDER BY 1, 2, 3")
    pieces = [
        row["text_content"] for row in rows if corpus.documents[row["entity_type"], str(row["entity_id"])] == "long"
    ]
    assert pieces == list(chunks("-", "notes.md", SUITE.documents[0].body))
    assert len(pieces) > 3
    talk = [(row["entity_type"], row["chunk"]) for row in rows if row["entity_type"] in ("conversation", "message")]
    assert talk == [("conversation", 0), ("message", 0)]
    assert written >= len(rows)


class Refusing:
    """Refuses whatever it is given."""

    model, dims, label, local = "refusing", 8, "refuses", True

    async def embed(self, texts: list[str]) -> list[Vector | None]:
        raise EmbeddingRefused(Refusal.INPUT, Problem("embed_input", "no such text"))

    def coverage(self, text: str) -> float | None:
        return None

    async def close(self) -> None:
        """Nothing is open."""


async def test_documents_that_a_provider_refuses_are_not_judged_as_lost(world: World) -> None:
    async with connection(world.dsn, purpose="test", read_only=False) as opened:
        await load(opened, SUITE)
        with pytest.raises(ConsoleError, match="have no vector: no such text") as raised:
            await embed(opened, Refusing())  # type: ignore[arg-type]
    assert raised.value.exit_code is ExitCode.NEGATIVE
