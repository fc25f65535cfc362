"""OpenAI, or whatever speaks like it: requests that fit, tried again as the provider asks, answers checked."""

from __future__ import annotations

import asyncio
import math
import random
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openai

from devora_console.config.secret import scrub
from devora_console.config.settings import Settings
from devora_console.core.problems import Problem, usage_error
from devora_console.search.embed.models import OPENAI_DIMS, OPENAI_SHORTENS
from devora_console.search.embed.provider import Vector
from devora_console.search.embed.refusals import EmbeddingRefused, Refusal
from devora_console.search.embed.retry import Asked, Judged, judge, pause_after
from devora_console.search.embed.tokens import requests
from devora_console.search.endpoint import client_of, endpoint

if TYPE_CHECKING:
    from openai.types import CreateEmbeddingResponse

    from devora_console.config.secret import Secret

# What the client raises about an answer that is not what it should be: no vectors, other JSON, no JSON.
_ODD = (ValueError, TypeError, AttributeError)
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Patience:
    """For how many seconds one request is tried again, and how to wait; tests give their own clock."""

    seconds: float = 600.0
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic


class RemoteEmbedder:
    """One model at one endpoint. ``tokens_used`` is what the provider has counted so far."""

    local = False

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        asked: Asked,
        dims: int,
        *,
        shorten: bool = False,
        patience: Patience | None = None,
        key: Secret | None = None,
    ) -> None:
        self.dims = dims
        self.model = f"{asked.model}@{dims}" if shorten else asked.model
        self.label = f"{asked.model} at {asked.where}, {dims} numbers"
        self.tokens_used = 0
        self._client = client
        self._asked = asked
        self._shorten = shorten
        self._patience = patience or Patience()
        self._key = key
        self._not_before = 0.0
        self.on_wait: Callable[[float, Problem], None] = lambda seconds, problem: None
        """Told before each wait: for how long, and why."""

    async def embed(self, texts: Sequence[str]) -> list[Vector | None]:
        """One vector for each text; None for white space alone. Raises EmbeddingRefused."""
        result: list[Vector | None] = [None] * len(texts)
        full = [at for at, text in enumerate(texts) if text.strip()]
        for part in requests([texts[at] for at in full]):
            for at, vector in zip(full[part.start : part.stop], await self._request(texts, full, part), strict=True):
                result[at] = vector
        return result

    async def _request(self, texts: Sequence[str], full: list[int], part: slice) -> list[Vector]:
        sent = [texts[at] for at in full[part]]
        began, tries = self._patience.clock(), 0
        while True:
            await self._pause()
            try:
                return self._checked(await self._ask(sent), len(sent))
            except (openai.OpenAIError, *_ODD) as error:
                judged = judge(error, self._asked)
            tries += 1
            wait = self._wait(judged, tries)
            if not judged.again or self._patience.clock() - began + wait > self._patience.seconds:
                raise EmbeddingRefused(judged.refusal, self._scrubbed(judged.problem))
            self.on_wait(wait, judged.problem)
            await self._patience.sleep(wait)

    def _wait(self, judged: Judged, tries: int) -> float:
        if judged.wait is not None:
            return judged.wait
        return float(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tries - 1, 10)) * random.uniform(0.75, 1.0))  # noqa: S311

    async def _pause(self) -> None:
        """Wait for what the last answer said: no requests or tokens left until then."""
        left = self._not_before - self._patience.clock()
        if left > 0:
            await self._patience.sleep(left)

    async def _ask(self, sent: list[str]) -> CreateEmbeddingResponse:
        more: dict[str, Any] = {"dimensions": self.dims} if self._shorten else {}
        raw = await self._client.embeddings.with_raw_response.create(input=sent, model=self._asked.model, **more)
        pause = pause_after(raw.headers)
        if pause is not None:
            self._not_before = self._patience.clock() + min(pause, self._patience.seconds)
        return raw.parse()

    def _checked(self, answer: CreateEmbeddingResponse, count: int) -> list[Vector]:
        self.tokens_used += int(getattr(answer.usage, "total_tokens", 0) or 0)
        by_place = {item.index: item.embedding for item in answer.data}
        if len(answer.data) != count or set(by_place) != set(range(count)):
            raise self._short(f"{len(answer.data)} vectors instead of {count}")
        return [self._unit(by_place[at]) for at in range(count)]

    def _unit(self, numbers: Sequence[float]) -> Vector:
        if len(numbers) != self.dims:
            raise self._short(f"vectors of {len(numbers)} numbers instead of {self.dims}", "Correct embed.dimensions")
        norm = math.sqrt(math.fsum(each * each for each in numbers))
        if not math.isfinite(norm) or norm < 1e-6:
            raise self._short("a vector without a direction")
        return array("f", [each / norm for each in numbers])

    def _short(self, what: str, remedy: str = "See what stands at embed.base_url") -> EmbeddingRefused:
        words = f"{self._asked.where} answered with {what}"
        return EmbeddingRefused(Refusal.SHORT, Problem("embed_answer", words, remedy))

    def _scrubbed(self, problem: Problem) -> Problem:
        return Problem(problem.code, scrub(problem.message, self._key), problem.remedy)

    def coverage(self, text: str) -> float | None:
        """The provider does not tell."""
        return None

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.close()


def remote_embedder(settings: Settings, patience: Patience | None = None) -> RemoteEmbedder:
    """The embedder of the settings. Raises ConsoleError (exit 2) without a usable key or with unknown dimensions."""
    wanted = settings.embed
    found = endpoint(settings, "embed", wanted, 'embed.provider = "offline"')
    dims, shorten = _dims(wanted.model, wanted.dimensions)
    client = client_of(found, wanted.timeout_seconds)
    asked = Asked(wanted.model, found.name, found.key_setting)
    patience = patience or Patience(wanted.patience_seconds)
    return RemoteEmbedder(client, asked, dims, shorten=shorten, patience=patience, key=found.key)


def _dims(model: str, wanted: int | None) -> tuple[int, bool]:
    """Numbers of a vector, and whether the model is asked for fewer than it has."""
    own = OPENAI_DIMS.get(model)
    if own is None:
        if wanted is None:
            raise usage_error(
                "embed_dimensions", f"how many numbers a vector of {model} has is not known", "Set embed.dimensions"
            )
        return wanted, False
    if wanted is None or wanted == own:
        return own, False
    if model not in OPENAI_SHORTENS or wanted > own:
        raise usage_error("embed_dimensions", f"{model} has {own} numbers, not {wanted}", "Correct embed.dimensions")
    return wanted, True
