"""Who answers: the client of an OpenAI-compatible endpoint, and its refusals in our words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import openai

from devora_console.config.secret import Secret, scrub
from devora_console.config.settings import Settings
from devora_console.core.problems import Problem, usage_error
from devora_console.core.safetext import one_line
from devora_console.search.embed.retry import asked_wait

OPENAI = "https://api.openai.com/v1"
_CONNECT_SECONDS = 10.0
_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, with which key (None: one that wants none), and where that key is set, for the words."""

    base_url: str
    key: Secret | None
    key_setting: str
    model: str

    @property
    def name(self) -> str:
        """For people."""
        return "OpenAI" if self.base_url == OPENAI else one_line(self.base_url, 100)


def endpoint_of(settings: Settings) -> Endpoint:
    """The endpoint of the settings. Raises ConsoleError (exit 2) when OpenAI's own has no usable key.

    OpenAI's key goes to OpenAI only: another endpoint gets the key that is set for it, or none.
    """
    wanted = settings.rag
    key, name = wanted.api_key, "rag.api_key"
    base = wanted.base_url or OPENAI
    if key is None and base == OPENAI:
        key, name = settings.search.openai_api_key, "search.openai_api_key (OPENAI_API_KEY)"
        if key is None:
            raise usage_error("rag_key", "no key for OpenAI", f"Set {name}, or rag.base_url for another endpoint")
    if key is not None and not key.reveal().isascii():
        raise usage_error("rag_key", f"the key in {name} holds letters beyond ASCII", "Copy it again")
    return Endpoint(base, key, name, wanted.model)


def client_of(endpoint: Endpoint, silence_seconds: float) -> openai.AsyncOpenAI:
    """A client that never tries again by itself, and gives up on a server that says nothing for so long.

    Raises ConsoleError (exit 2) for an address that is none.
    """
    # OPENAI_LOG=debug would write prompts and answers to the log.
    logging.getLogger("openai").setLevel(logging.WARNING)
    try:
        return openai.AsyncOpenAI(
            api_key=endpoint.key.reveal() if endpoint.key is not None else "none",
            base_url=endpoint.base_url,
            timeout=openai.Timeout(silence_seconds, connect=min(_CONNECT_SECONDS, silence_seconds)),
            max_retries=0,
        )
    except Exception as error:  # noqa: BLE001 - of its own kinds for an address, none of them the client's public ones
        words = f"rag.base_url is no address ({type(error).__name__})"
    raise usage_error("rag_base_url", words, "Write it as https://host/v1")


def refusal(error: Exception, endpoint: Endpoint, *, begun: bool) -> Problem:
    """Why there is no answer, or no more of it, without the key. ``begun``: some of it has come."""
    where = endpoint.name
    if isinstance(error, openai.APIStatusError):
        return _status(error, endpoint)
    if isinstance(error, openai.APITimeoutError):
        words = f"{where} fell silent" if begun else f"{where} did not answer in time"
        return Problem("rag_timeout", words, "Ask again, or raise rag.silence_seconds")
    if isinstance(error, openai.APIConnectionError):
        words = f"the connection to {where} broke" if begun else f"{where} cannot be reached"
        return Problem("rag_connection", words, "Look at the network and at rag.base_url; the prompt is made offline")
    if isinstance(error, openai.APIError):  # an error in the midst of a stream
        return said_no(endpoint, error.code, error.message)
    return no_answer(endpoint, type(error).__name__)


def no_answer(endpoint: Endpoint, what: str = "no event of an answer") -> Problem:
    """Something came, but nothing of the Responses API."""
    words = f"what {endpoint.name} sent is no answer ({what})"
    return Problem("rag_answer", words, "See what stands at rag.base_url")


def said_no(endpoint: Endpoint, code: str | None, message: str | None) -> Problem:
    """The provider's own word for a failure."""
    said = one_line(scrub(message or "no reason given", endpoint.key), 200)
    named = f" ({one_line(code, 60)})" if code else ""
    return Problem("rag_failed", f"{endpoint.name}: {said}{named}", "Ask again later")


def _status(error: openai.APIStatusError, endpoint: Endpoint) -> Problem:
    where, status = endpoint.name, error.status_code
    if error.code in _QUOTA or error.type in _QUOTA:
        return Problem("rag_quota", f"{where}: the quota is used up", "Raise the limit or pay at the provider")
    if status == 401:
        return Problem("rag_key", f"{where} refuses the key", f"Correct {endpoint.key_setting}")
    if status == 403:
        return Problem("rag_forbidden", f"{where} forbids {endpoint.model}", "Choose another model (rag.model)")
    if status == 404:
        words = f"{where} knows no model {endpoint.model}, or does not speak the Responses API"
        return Problem("rag_model", words, "Correct rag.model or rag.base_url")
    if status == 429:
        wait = asked_wait(error.response.headers)
        when = f"Ask again in {wait:.0f} s" if wait and wait >= 1 else "Ask again in a moment"
        return Problem("rag_rate", f"{where} limits the rate", when)
    if status >= 500:
        return Problem("rag_server", f"{where} fails ({status})", "Ask again later")
    body = error.body
    message = body.get("message") if isinstance(body, Mapping) else None
    said = one_line(scrub(message, endpoint.key), 200) if isinstance(message, str) else "no reason given"
    return Problem(
        "rag_refused", f"{where} refuses the question ({status}): {said}", "Look at rag.model and the prompt"
    )
