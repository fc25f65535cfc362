"""What to do about an error of the provider. The client itself never tries again: it takes a quota for a rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import openai

from devora_console.core.problems import Problem
from devora_console.core.safetext import one_line
from devora_console.search.embed.refusals import Refusal

_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"})
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_AGAIN = frozenset({408, 409, 429})


@dataclass(frozen=True, slots=True)
class Judged:
    """An error: what it is, whether trying again may help, and the seconds the provider asks to wait, if it does."""

    refusal: Refusal
    problem: Problem
    again: bool = False
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom we ask, for the words: the model, where, and the setting that holds the key."""

    model: str
    where: str
    key_setting: str


def judge(error: Exception, asked: Asked) -> Judged:
    """What an error of the client means."""
    if isinstance(error, openai.APIStatusError):
        return _status(error, asked)
    if isinstance(error, openai.APITimeoutError):
        return _gone("embed_timeout", f"{asked.where} did not answer in time", "Raise embed.timeout_seconds")
    if isinstance(error, openai.APIConnectionError):
        return _gone("embed_connection", f"{asked.where} cannot be reached, or hung up", "Look at the network")
    words = f"{asked.where} answered with something that is not the vectors asked for ({type(error).__name__})"
    return Judged(Refusal.SHORT, Problem("embed_answer", words, "See what stands at embed.base_url"))


def _gone(code: str, message: str, remedy: str) -> Judged:
    return Judged(Refusal.GONE, Problem(code, message, f"{remedy}; what is embedded stays"), again=True)


def _status(error: openai.APIStatusError, asked: Asked) -> Judged:
    status, code = error.status_code, str(error.code or error.type or "")
    said = one_line(_said(error), 160)
    if code in _QUOTA or error.type in _QUOTA:
        remedy = "Raise the limit or pay at the provider, then run it again: what is embedded stays"
        return Judged(Refusal.STOP, Problem("embed_quota", f"{asked.where}: the quota is used up", remedy))
    if status == 401:
        remedy = f"Correct {asked.key_setting} in the settings or the environment"
        return Judged(Refusal.STOP, Problem("embed_key", f"{asked.where} refuses the key", remedy))
    if status == 403:
        remedy = f"Give the key in {asked.key_setting} the right to this model, or choose another (embed.model)"
        return Judged(Refusal.STOP, Problem("embed_forbidden", f"{asked.where} forbids {asked.model}", remedy))
    if status == 404:
        words = f"{asked.where} knows no model {asked.model}, or speaks no embeddings at that address"
        return Judged(Refusal.STOP, Problem("embed_model", words, "Correct embed.model or embed.base_url"))
    if status in _AGAIN or status >= 500:
        code = "embed_rate" if status == 429 else "embed_server"
        words = f"{asked.where} limits the rate" if status == 429 else f"{asked.where} fails ({status})"
        remedy = "Run it again later: what is embedded stays"
        return Judged(Refusal.GONE, Problem(code, words, remedy), True, asked_wait(error.response.headers))
    words = f"{asked.where} refuses the texts ({status}{', ' + one_line(code, 60) if code else ''}): {said}"
    return Judged(Refusal.INPUT, Problem("embed_input", words, "See: devora-console embed status"))


def _said(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        return str(body["message"])
    return "no reason given"


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait that the headers of an answer ask for; None when they ask for none."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    return pause_after(headers)


def pause_after(headers: Mapping[str, str]) -> float | None:
    """The seconds until requests or tokens are allowed again, when an answer says that none are left."""
    waits = [
        seconds
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
        and (seconds := span(headers.get(f"x-ratelimit-reset-{what}", ""))) is not None
    ]
    return max(waits) if waits else None


def span(text: str) -> float | None:
    """The seconds of a span such as ``1m30s`` or ``120ms``.

    >>> span("1m30s"), span("120ms"), span("soon")
    (90.0, 0.12, None)
    """
    parts = _PARTS.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
