"""The lines every screen has: where we are, the strip of screens, the rule, the banner, the footer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from devora_console.core.actions import Action, Place
from devora_console.core.clock import span
from devora_console.core.console import HeaderSnapshot, Link, ServerState, Verdict
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.tui.render.look import Look, verdict_of


class _Level(NamedTuple):
    """How much of the header is shown: cells of a label, the version, the word of an ok link, the profile."""

    label: int
    version: bool = False
    word: bool = False
    profile: bool = False


_LEVELS = (
    _Level(32, version=True, word=True, profile=True),
    _Level(32, version=True, word=True),
    _Level(32, version=True),
    _Level(20, version=True),
    _Level(14, version=True),
    _Level(14),
    _Level(11),
    _Level(8),
    _Level(0),
)
_GREYED = 6


def guard_word(header: HeaderSnapshot) -> str:
    """Whether typing is safe: nothing writes; acts write once confirmed; a guarded profile was armed for them."""
    if header.read_only:
        return "READ-ONLY"
    return "ARMED" if header.armed else "WRITABLE"


def header_line(header: HeaderSnapshot, width: int, look: Look) -> Text:
    """Environment, both servers and the guard in ``width`` cells; labels give way first, the guard never."""
    for level in _LEVELS:
        line = _header(header, look, level)
        if line.cell_len <= width:
            break
    line.truncate(width)
    return line


def _header(header: HeaderSnapshot, look: Look, level: _Level) -> Text:
    line = Text(" ", no_wrap=True, end="")
    name = look.fit(look.text(header.environment.upper() or "UNNAMED", 60), 16 if level.label else 10)
    production = header.environment.strip().lower().startswith("prod")
    line.append(f" {name} " if production else name, style="bold reverse" if production else "bold")
    for short, server in (("pg", header.postgres), ("mongo", header.mongo)):
        line.append("  ")
        _append_server(line, short, server, look, level)
    line.append("  ")
    word_shown = guard_word(header)
    line.append(word_shown, style="bold" if word_shown == "ARMED" else "")
    if level.profile and header.profile:
        line.append(f"  profile {look.fit(look.text(header.profile, 60), 20)}", style=look.muted)
    return line


def _append_server(line: Text, short: str, server: ServerState, look: Look, level: _Level) -> None:
    verdict = verdict_of(server.link)
    line.append(short)
    if level.label and server.label != server.link.value:  # "not configured" is said once
        line.append(" " + look.fit(look.text(server.label, 100), level.label))
    if level.version and not isinstance(server.version, Unknown):
        line.append(" " + look.fit(look.text(server.version, 40), 10))
    shown = look.sign(verdict) if server.link is Link.OK and not level.word else look.state(verdict, server.link.value)
    line.append(" " + shown, style=look.style(verdict))


def strip_line(places: Sequence[Place], current: str, width: int, look: Look, *, note: str, help_key: str) -> Text:
    """The screens with their keys, the current one marked; ``note`` and the help key at the right."""
    right = (f"{note}   " if note else "") + f"{help_key} help "
    room = width - cell_len(right) - 1
    left = Text()
    for titles in ([place.title for place in places], [place.short for place in places]):
        left = Text(" ", no_wrap=True, end="")
        for place, title in zip(places, titles, strict=True):
            left.append(f"{place.key} ", style=look.muted)
            left.append(title, style="bold underline" if place.id == current else "")
            left.append("  ")
        if left.cell_len <= room:
            break
    left.truncate(room)
    left.append(" " * max(0, width - left.cell_len - cell_len(right)))
    left.append(look.plain(right), style=look.muted)
    return left


def rule_line(width: int, look: Look, stale: str = "") -> Text:
    """The rule under the strip; the age of stale data stands in it."""
    if not stale:
        return Text(look.plain("─") * width, style=look.muted, no_wrap=True, end="")
    words = f" {look.sign(Verdict.STALE)} {stale} "
    tail = look.plain("─") * 2
    line = Text(look.plain("─") * max(0, width - cell_len(words) - 2), style=look.muted, no_wrap=True, end="")
    line.append(words)
    line.append(tail)
    return line


def lost_servers(header: HeaderSnapshot) -> tuple[ServerState, ...]:
    """The servers whose connection was lost or refused."""
    return tuple(s for s in (header.postgres, header.mongo) if s.link in (Link.LOST, Link.REFUSED))


def banner(header: HeaderSnapshot, problem: Problem | None, now: datetime, look: Look) -> Text:
    """What is wrong right now, one line each: the last refused act, then lost connections. Empty when well."""
    out = Text(end="")
    if problem is not None:
        out.append(f"{look.sign(Verdict.FAIL)} {look.text(str(problem), 600)}", style=look.fail)
    for server in lost_servers(header):
        if out.plain:
            out.append("\n")
        age = span(max(0.0, (now - server.since).total_seconds()))
        words = f"{look.state(Verdict.FAIL, server.link.value)} {server.engine} "
        words += f"{look.fit(look.text(server.label, 100), 32)} for {age}"
        if server.attempt:
            words += look.plain(f" · attempt {server.attempt}")
        if server.next_try is not None:
            wait = max(0, round((server.next_try - now).total_seconds()))
            words += f", next in {wait}s" if wait else ", trying now"
        out.append(words, style=look.fail)
        if server.problem is not None:
            out.append(look.plain(" · ") + look.text(str(server.problem), 400))
    return out


def footer_line(
    actions: Sequence[Action],
    enabled: Mapping[str, bool],
    words: Mapping[str, str],
    width: int,
    look: Look,
) -> Text:
    """Keys and words in the order declared, lowest rank kept longest; greyed where they cannot be run now.

    What cannot be run gives way a few ranks earlier.
    """
    shown = sorted(
        (action for action in actions if action.rank),
        key=lambda action: action.rank + (0 if enabled.get(action.id, True) else _GREYED),
    )
    kept: list[Action] = []
    room = width + 1  # the last one needs no gap behind it
    for action in shown:
        cost = cell_len(f"{action.key} {words.get(action.id, action.words)}") + 2
        if cost <= room:
            kept.append(action)
            room -= cost
    line = Text(" ", no_wrap=True, end="")
    for action in actions:
        if action not in kept:
            continue
        usable = enabled.get(action.id, True)
        line.append(action.key, style="bold" if usable else look.muted)
        line.append(f" {words.get(action.id, action.words)}", style="" if usable else look.muted)
        line.append("  ")
    line.rstrip()
    return line
