"""An OpenAI-compatible endpoint of a section of the settings, with the key that may go there, and its client."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

import openai

from devora_console.config.secret import Secret
from devora_console.config.settings import Settings
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

OPENAI = "https://api.openai.com/v1"
_CONNECT_SECONDS = 10.0


class Section(Protocol):
    """What ``[embed]`` and ``[rag]`` have in common."""

    @property
    def api_key(self) -> Secret | None:
        """The key of the endpoint named here."""

    @property
    def base_url(self) -> str | None:
        """None: OpenAI's own."""

    @property
    def model(self) -> str:
        """Which model is asked there."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, with which key (None: one that wants none), and where both are set, for the words."""

    section: str
    base_url: str
    key: Secret | None
    key_setting: str
    model: str

    @property
    def name(self) -> str:
        """For people."""
        return "OpenAI" if self.base_url == OPENAI else one_line(self.base_url, 100)

    @property
    def here(self) -> bool:
        """Whether it is a program on this machine; that may pass on what it is asked."""
        return _here(self.base_url)


def _here(address: str) -> bool:
    """Whether it is an address of this machine.

    >>> _here("http://127.0.0.1:8080/v1"), _here("http://[::1]/v1"), _here("http://localhost.example.org/v1")
    (True, True, False)
    """
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def endpoint(settings: Settings, section: str, wanted: Section, otherwise: str = "") -> Endpoint:
    """The endpoint of a section. Raises ConsoleError (exit 2) when OpenAI's own has no usable key; ``otherwise`` adds
    what could be set instead of one.

    OpenAI's key goes to OpenAI only: another endpoint gets the key that is set for it, or none.
    """
    key, name = wanted.api_key, f"{section}.api_key"
    base = wanted.base_url or OPENAI
    if key is None and base == OPENAI:
        key, name = settings.search.openai_api_key, "search.openai_api_key (OPENAI_API_KEY)"
        if key is None:
            raise usage_error(f"{section}_key", "no key for OpenAI", f"Set {name}, or {otherwise}")
    if key is not None and not key.reveal().isascii():
        raise usage_error(f"{section}_key", f"the key in {name} holds letters beyond ASCII", "Copy it again")
    return Endpoint(section, base, key, name, wanted.model)


def client_of(found: Endpoint, timeout: float) -> openai.AsyncOpenAI:
    """A client that never tries again by itself, and gives up on a server that says nothing for so many seconds.

    The address is always said: without it the library takes one from a variable of the environment. Raises
    ConsoleError (exit 2) for an address that is none.
    """
    # OPENAI_LOG=debug would write prompts and answers to the log.
    logging.getLogger("openai").setLevel(logging.WARNING)
    try:
        return openai.AsyncOpenAI(
            api_key=found.key.reveal() if found.key is not None else "none",
            base_url=found.base_url,
            timeout=openai.Timeout(timeout, connect=min(_CONNECT_SECONDS, timeout)),
            max_retries=0,
        )
    except Exception as error:  # noqa: BLE001 - of its own kinds for an address, none of them the client's public ones
        words = f"{found.section}.base_url is no address ({type(error).__name__})"
    raise usage_error(f"{found.section}_base_url", words, "Write it as https://host/v1")
