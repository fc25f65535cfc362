"""The same search as a command line. Pure."""

from __future__ import annotations

import shlex

from devora_console.search.model import KINDS, Asked, SearchType


def command_of(asked: Asked) -> str:
    """What to type after the program's name.

    >>> command_of(Asked("fuite mémoire", user="7f3e"))
    "search --as-user 7f3e --limit 10 -- 'fuite mémoire'"
    """
    words = ["search"]
    if asked.user:
        words += ["--as-user", asked.user]
    if asked.as_owner:
        words.append("--as-owner")
    if len(asked.filters.kinds) == 1:
        words += ["--type", next(each.value for each in SearchType if each.kinds == asked.filters.kinds)]
    if asked.filters.since:
        words += ["--since", f"{asked.filters.since:%Y-%m-%d}"]
    if asked.filters.until:
        words += ["--until", f"{asked.filters.until:%Y-%m-%d}"]
    if asked.filters.language:
        words += ["--language", asked.filters.language]
    words += ["--limit", str(asked.limit)]
    if asked.knobs.exact:
        words.append("--exact")
    return shlex.join([*words, "--", asked.text.replace("\0", "")])


__all__ = ["KINDS", "command_of"]
