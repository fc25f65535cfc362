"""What a console's acts are called on the command line."""

from __future__ import annotations

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


def own_words(profile: str | None, *, arming: bool) -> tuple[str, ...]:
    """What a command that acts on the same server begins with; ``arming`` it where the profile is production."""
    words = ["devora-console"]
    words += ["--profile", profile] if profile else []
    words += ["--allow-writes"] if arming else []
    return tuple(words)


def command_of(action: str, profile: str | None) -> str:
    """The command line of an action, or of a subcommand written out."""
    return f"devora-console{f' --profile {profile}' if profile else ''} {_COMMANDS.get(action, action)}"
