"""What a console's acts are called on the command line."""

from __future__ import annotations

import shlex

from devora_console.config.load import Effective

_COMMANDS = {
    "dry_run": "migrate --dry-run",
    "execute": "migrate --execute",
    "verify": "verify",
    "quarantine": "quarantine list",
    "queries": "queries --interval 60",
    "indexes": "indexes",
    "health": "health",
    "activity": "activity",
    "locks": "locks",
}


def own_words(effective: Effective) -> tuple[str, ...]:
    """What a command that acts on the same server begins with; it arms a production profile."""
    arming = ["--allow-writes"] if effective.settings.production else []
    return ("devora-console", *effective.as_asked(), *arming)


def command_of(action: str, effective: Effective) -> str:
    """The command line of an action, or of a subcommand written out, about the same server."""
    return f"{shlex.join(['devora-console', *effective.as_asked()])} {_COMMANDS.get(action, action)}"
