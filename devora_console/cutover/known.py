"""Which secrets the console knows, and whether a text that is kept as it is holds one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from devora_console.config.redact import credential_spans, credentials, is_sensitive, redact_message, spellings
from devora_console.config.secret import Secret
from devora_console.core.problems import refused
from devora_console.core.safetext import one_line

_SHORTEST = 3  # shorter words would be found everywhere, and stars in their place would give them away
_TELLING = 8  # shorter, or a mere word, found in a person's own text is no finding
_WORD = re.compile(r"[a-z]+|[A-Z][a-z]+")


def words_of(secrets: Iterable[Secret], env: Mapping[str, str]) -> frozenset[str]:
    """Every spelling of every secret, and of the credentials that an environment holds by the names of its variables
    and the form of its values, to be kept out of a command's output.
    """
    words = {word for secret in secrets for word in secret.secrets()}
    for name, value in env.items():
        if "://" in value and credential_spans(value):
            words |= credentials(value)
        elif is_sensitive(name) and _tells(value):
            words |= spellings({value})
    return frozenset(word for word in words if len(word) >= _SHORTEST)


def held_in(text: str, secrets: Iterable[Secret]) -> bool:
    """Whether a text that stays as it is (a runbook, an argument) gives a secret away.

    A password that is a plain word, such as the name of a product, may stand in any text: that is no finding.
    """
    return any(_tells(word) and word in text for secret in secrets for word in secret.secrets())


def refuse_secrets(payload: Mapping[str, object], secrets: Sequence[Secret]) -> None:
    """Refuse (exit 4) a run whose runbook or variables, which the journal keeps word for word, give a secret away."""
    variables = payload.get("variables")
    named = {"the runbook": str(payload.get("text", ""))}
    if isinstance(variables, Mapping):
        named |= {f"the variable {name}": str(value) for name, value in variables.items()}
    for name, text in named.items():
        if held_in(text, secrets) or (name != "the runbook" and redact_message(text) != text):
            raise refused(
                "cutover_secret_in_runbook",
                f"{one_line(name, 80)} holds a secret, which the journal would keep",
                "Let the command take it from the environment.",
            )


def _tells(word: str) -> bool:
    return len(word) >= _TELLING and _WORD.fullmatch(word) is None
