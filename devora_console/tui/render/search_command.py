"""The same search as a command line. Pure."""

from __future__ import annotations

import shlex

from devora_console.search.model import KINDS, LEGS, Asked, Knobs, SearchType


def command_of(asked: Asked, configured: Knobs | None = None) -> str:
    """What to type after the program's name. Knobs are said where they are not as ``configured``: the command reads the
    same configuration.

    >>> command_of(Asked("fuite mémoire", user="7f3e", knobs=Knobs(k=20)))
    "search --as-user 7f3e --limit 10 --k 20 -- 'fuite mémoire'"
    """
    words = ["search"]
    if asked.user:
        words += ["--as-user", asked.user]
    if asked.as_owner:
        words.append("--as-owner")
    if set(asked.filters.kinds) != set(KINDS):
        for kind in asked.filters.kinds:
            words += ["--type", next(each.value for each in SearchType if each.kinds == (kind,))]
    if asked.filters.since:
        words += ["--since", f"{asked.filters.since:%Y-%m-%d}"]
    if asked.filters.until:
        words += ["--until", f"{asked.filters.until:%Y-%m-%d}"]
    if asked.filters.language:
        words += ["--language", asked.filters.language]
    words += ["--limit", str(asked.limit), *_knobs(asked.knobs, configured or Knobs())]
    if asked.knobs.exact:
        words.append("--exact")
    return shlex.join([*words, "--", asked.text.replace("\0", "")])


def _knobs(now: Knobs, configured: Knobs) -> list[str]:
    words: list[str] = []
    for leg in LEGS:
        if (weight := _weight(now, leg)) != _weight(configured, leg):
            words += ["--weight", f"{leg}={weight!r}"]
    for option, turned, was in (
        ("--k", now.k, configured.k),
        ("--candidates", now.candidates, configured.candidates),
        ("--ef-search", now.ef_search, configured.ef_search),
        ("--spelling", now.trigram_threshold, configured.trigram_threshold),
        ("--nearness", now.least_similarity, configured.least_similarity),
    ):
        if turned != was:
            words += [option, "any" if option == "--nearness" and turned <= -1 else repr(turned)]
    return words


def _weight(knobs: Knobs, leg: str) -> float:
    return next((knobs.weights.get(each, 0.0) for each in knobs.legs if each == leg), 0.0)


__all__ = ["KINDS", "command_of"]
