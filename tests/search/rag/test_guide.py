"""The guide's chat endpoint (5.2) as it is written there, in a FastAPI application; the model is the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import httpx
import openai
import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel

from devora_console.search import get_rag_pipeline
from devora_console.search.asking import Pool
from tests.search.openai_server import OpenAIServer, openai_server
from tests.search.rag.conftest import ANA, BENS, TOKENS


class ChatRequest(BaseModel):
    message: str
    conversation_id: str | None = None


class User(BaseModel):
    id: str


class EventType(StrEnum):
    CHAT_MESSAGE_SENT = "chat_message_sent"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with openai_server() as one:
        yield one


def application(pool: Pool, server: OpenAIServer, tracked: list[dict[str, Any]]) -> FastAPI:
    """What Devora's backend has around the endpoint, and the endpoint."""
    app = FastAPI()

    async def get_current_user() -> User:
        return User(id=ANA)

    async def get_db_pool() -> Pool:
        return pool

    async def call_llm(prompt: str) -> str:
        async with openai.AsyncOpenAI(api_key=server.key, base_url=server.url) as client:
            return (await client.responses.create(model="gpt-4.1-mini", input=prompt, store=False)).output_text

    def track_event(event: EventType, user_id: str, properties: dict[str, Any]) -> None:
        tracked.append({"event": event, "user_id": user_id} | properties)

    @app.post("/api/chat")
    async def chat(
        request: ChatRequest,
        user: User = Depends(get_current_user),  # noqa: B008 - as FastAPI wants it
        db_pool: Pool = Depends(get_db_pool),  # noqa: B008
    ) -> dict[str, Any]:
        rag_pipeline = get_rag_pipeline(db_pool)

        # Augmenter la query avec contexte RAG
        augmented_prompt, rag_response = await rag_pipeline.augment_query(
            query=request.message, user_id=user.id, conversation_id=request.conversation_id, max_context_tokens=2000
        )

        # Envoyer au LLM
        llm_response = await call_llm(augmented_prompt)

        # Track l'événement
        track_event(
            EventType.CHAT_MESSAGE_SENT,
            user_id=user.id,
            properties={
                "contexts_used": rag_response.total_contexts,
                "retrieval_time_ms": rag_response.retrieval_time_ms,
            },
        )

        return {"response": llm_response, "contexts_used": rag_response.total_contexts}

    return app


async def test_the_chat_of_the_guide(pool: Pool, server: OpenAIServer) -> None:
    tracked: list[dict[str, Any]] = []
    transport = httpx.ASGITransport(application(pool, server, tracked))
    async with httpx.AsyncClient(transport=transport, base_url="http://devora") as client:
        for conversation in (TOKENS, None, BENS):
            given = {"message": "Pourquoi le worker fuit ?", "conversation_id": conversation}
            answer = await client.post("/api/chat", json=given)
            assert answer.status_code == 200
            assert answer.json()["response"] == "Le serveur redémarre à minuit [1]."
            assert answer.json()["contexts_used"] > 1
        prompts = [each.body["input"] for each in server.asked]
        assert "Allongez la durée de vie" in prompts[0]
        assert all("hunter2" not in each for each in prompts)
        assert [each["contexts_used"] for each in tracked][-1] == answer.json()["contexts_used"]
        assert all(each["retrieval_time_ms"] > 0 for each in tracked)
        await pool.close()  # the database goes away: the chat goes on
        answer = await client.post("/api/chat", json={"message": "Et maintenant ?", "conversation_id": TOKENS})
        assert (answer.status_code, answer.json()["contexts_used"]) == (200, 0)
        assert server.asked[-1].body["input"] == "Et maintenant ?"
