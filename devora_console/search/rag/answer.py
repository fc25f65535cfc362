"""An answer as it comes: streamed, stoppable, and never called whole when it is not.

The prompt that was shown is the prompt that is sent, as it stands; nothing of it is stored at the provider. Only an
event of the stream that says so ends an answer well: a stream that just ends was cut. Whatever came before stays.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import openai

from devora_console.config.settings import Settings
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.search.endpoint import Endpoint, client_of
from devora_console.search.rag.model import Answer, AnswerState, RagResponse, Usage
from devora_console.search.rag.price import cost_of, price_of
from devora_console.search.rag.provider import endpoint_of, no_answer, refusal, said_no

_NUMBERS = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_UNTOLD = "the provider tells it at the end of an answer, which did not come"


class _ListenerFailed(Exception):
    """What was raised by whoever listens: no fault of the provider's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class Answering:
    """One answer. :meth:`run` it once; :meth:`cancel` it at any time, from the same loop; :meth:`so_far` tells."""

    def __init__(
        self,
        prompt: str,
        response: RagResponse,
        settings: Settings,
        *,
        on_text: Callable[[str], None] = lambda text: None,
        client: openai.AsyncOpenAI | None = None,
    ) -> None:
        """Raises ConsoleError (exit 2) when nobody can be asked: no key. ``client`` is the caller's to close."""
        self._prompt, self._response, self._settings, self._on_text = prompt, response, settings.rag, on_text
        self.endpoint: Endpoint = endpoint_of(settings)
        self._own = client is None
        self._client = client or client_of(self.endpoint, settings.rag.silence_seconds)
        self._price = price_of(settings.rag)
        self._pieces: list[str] = []
        self._state = AnswerState.RUNNING
        self._heard, self._declined = False, False
        self._problem: Problem | None = None
        self._usage: Usage | Unknown = Unknown(_UNTOLD)
        self._id: str | None = None
        self._model = settings.rag.model
        self._began: float | None = None
        self._first: float | None = None
        self._ended: float | None = None
        self._work: asyncio.Future[None] | None = None
        self._stopped = False

    def cancel(self) -> None:
        """Stop it; what came stays. Without effect once it has ended."""
        self._stopped = True
        if self._work is not None:
            self._work.cancel()

    async def run(self) -> Answer:
        """Ask, and wait for the end. Raises only what ``on_text`` raises, and when its own task is cancelled."""
        self._began = time.monotonic()
        try:
            if self._stopped:
                self._end(AnswerState.CANCELLED)
            else:
                await self._attempt()
        finally:
            self._ended = time.monotonic()
            if self._own:
                await self._client.close()
        return self.so_far()

    async def _attempt(self) -> None:
        self._work = asyncio.ensure_future(self._stream())
        seconds = self._settings.answer_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._work
        except TimeoutError:
            words = f"{self.endpoint.name} took more than {seconds:g} s"
            self._end(AnswerState.BROKEN, Problem("rag_answer_slow", words, "Raise rag.answer_seconds"))
        except asyncio.CancelledError:
            self._end(AnswerState.CANCELLED)
            if not self._stopped:
                raise
        except _ListenerFailed as failed:
            self._end(AnswerState.CANCELLED)
            raise failed.error from None
        except Exception as error:  # noqa: BLE001 - an endpoint sends what it likes, and its client raises as it likes
            broke = bool(self._pieces) and isinstance(error, openai.APIConnectionError)
            state = AnswerState.BROKEN if broke else AnswerState.FAILED
            self._end(state, refusal(error, self.endpoint, begun=bool(self._pieces)))

    async def _stream(self) -> None:
        stream = await self._client.responses.create(
            model=self._settings.model,
            input=self._prompt,
            max_output_tokens=self._settings.max_output_tokens,
            store=False,
            stream=True,
        )
        try:
            async for event in stream:
                self._take(event)
                if self._state is not AnswerState.RUNNING:
                    return
        finally:
            await stream.close()
        if not self._heard:
            self._end(AnswerState.FAILED, no_answer(self.endpoint))
        words = f"the answer of {self.endpoint.name} broke off without an end"
        self._end(AnswerState.BROKEN, Problem("rag_cut", words, "Ask again"))

    def _take(self, event: Any) -> None:
        """One event. Typed Any: an endpoint that only resembles OpenAI's sends what it likes."""
        kind = getattr(event, "type", None)
        self._heard = self._heard or str(kind).startswith("response.")
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            self._declined = self._declined or kind == "response.refusal.delta"
            self._say(event.delta)
        elif kind == "response.created":
            self._note(event.response)
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            self._note(event.response)
            self._close(kind, event.response)
        elif kind == "error":
            self._end(AnswerState.FAILED, said_no(self.endpoint, event.code, event.message))

    def _say(self, text: object) -> None:
        if isinstance(text, str) and text:
            if self._first is None:
                self._first = time.monotonic()
            self._pieces.append(text)
            try:
                self._on_text(text)
            except Exception as error:  # a caller's own code: its fault must not pass for a broken answer
                raise _ListenerFailed(error) from error

    def _note(self, response: Any) -> None:
        self._id = getattr(response, "id", None) or self._id
        self._model = getattr(response, "model", None) or self._model
        usage = getattr(response, "usage", None)
        given, said = getattr(usage, "input_tokens", None), getattr(usage, "output_tokens", None)
        if isinstance(given, int) and isinstance(said, int):
            cached = getattr(getattr(usage, "input_tokens_details", None), "cached_tokens", None)
            thought = getattr(getattr(usage, "output_tokens_details", None), "reasoning_tokens", None)
            self._usage = Usage(given, said, cached, thought)

    def _close(self, kind: str, response: Any) -> None:
        if not self._pieces and kind != "response.failed":
            self._say(getattr(response, "output_text", ""))  # an endpoint that streams nothing but the end
        if kind == "response.completed":
            self._end(AnswerState.DECLINED if self._declined else AnswerState.COMPLETE)
        elif kind == "response.incomplete":
            self._end(AnswerState.CUT_OFF, self._cut(response))
        else:
            error = getattr(response, "error", None)
            said = said_no(self.endpoint, getattr(error, "code", None), getattr(error, "message", None))
            self._end(AnswerState.FAILED, said)

    def _cut(self, response: Any) -> Problem:
        reason = getattr(getattr(response, "incomplete_details", None), "reason", None)
        if reason == "content_filter":
            return Problem("rag_filtered", f"the filter of {self.endpoint.name} cut the answer off", "")
        if reason not in (None, "max_output_tokens"):
            return Problem("rag_cut_off", f"{self.endpoint.name} cut the answer off ({str(reason)[:60]})", "Ask again")
        most = self._settings.max_output_tokens
        words = f"the answer was cut off at {most} tokens"
        if not self._pieces:
            words += ", all of which went into thinking"
        return Problem("rag_cut_off", words, "Raise rag.max_output_tokens")

    def _end(self, state: AnswerState, problem: Problem | None = None) -> None:
        if self._state is AnswerState.RUNNING:
            self._state, self._problem = state, problem

    def so_far(self) -> Answer:
        """What there is of it now."""
        text = "".join(self._pieces)
        now = self._ended or time.monotonic()
        cited, strange = _cited(text, self._response.total_contexts)
        answer = Answer(
            text=text,
            state=self._state,
            model=self._model,
            counted_tokens=self._response.tokens.prompt,
            counter=self._response.tokens.counter,
            seconds=round(now - self._began, 3) if self._began is not None else 0.0,
            first_text_seconds=round(self._first - self._began, 3) if self._first and self._began else None,
            usage=self._usage,
            cost=cost_of(self._price, self._usage),
            price=self._price,
            problem=self._problem,
            cited=cited,
            cited_unknown=strange,
            response_id=self._id,
        )
        return replace(answer, notes=_notes(answer))


def _cited(text: str, contexts: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The numbers an answer cites: those of the prompt, and those that nothing in it bears."""
    found = sorted({int(number) for match in _NUMBERS.findall(text) for number in re.findall(r"\d+", match)})
    return tuple(n for n in found if 1 <= n <= contexts), tuple(n for n in found if not 1 <= n <= contexts)


def _notes(answer: Answer) -> tuple[str, ...]:
    notes = []
    if isinstance(answer.usage, Usage):
        given, counted = answer.usage.input_tokens, answer.counted_tokens
        if counted and given != counted:
            part = (given - counted) / counted
            notes.append(f"the prompt took {given} tokens, {part:+.0%} against the {counted} we counted")
        if answer.usage.cached and not isinstance(answer.cost, Unknown):
            notes.append(f"{answer.usage.cached} tokens came from the provider's cache: it costs less than said here")
    if answer.state is AnswerState.DECLINED:
        notes.append("the model declined to answer")
    if answer.cited_unknown:
        numbers = ", ".join(f"[{number}]" for number in answer.cited_unknown)
        notes.append(f"the answer cites {numbers}, which is not in the prompt")
    return tuple(notes)
