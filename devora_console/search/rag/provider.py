"""Who answers: the client of an OpenAI-compatible endpoint, and its refusals in our words."""

from __future__ import annotations

from collections.abc import Mapping

import openai

from devora_console.config.secret import scrub
from devora_console.config.settings import Settings
from devora_console.core.problems import Problem
from devora_console.core.safetext import one_line
from devora_console.search.embed.retry import asked_wait
from devora_console.search.endpoint import Endpoint, endpoint

_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"})


def endpoint_of(settings: Settings) -> Endpoint:
    """The endpoint of the settings. Raises ConsoleError (exit 2) when OpenAI's own has no usable key."""
    return endpoint(settings, "rag", settings.rag, "rag.base_url for another endpoint")


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
