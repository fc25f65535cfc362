"""The watch as text for people: a headline, a line for each figure, what to do."""

from __future__ import annotations

import textwrap

from rich.console import Console
from rich.text import Text

from devora_console.analytics.aftermath.headline import headline
from devora_console.analytics.aftermath.model import WatchLine, WatchSnapshot
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown

_SIGNS = {Verdict.OK: "✓ ok", Verdict.WARN: "! warn", Verdict.FAIL: "✗ fail", Verdict.UNKNOWN: "? unknown"}
_STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow", Verdict.UNKNOWN: "dim"}
_INDENT = 11
_WIDEST = 100


def print_watch(out: Console, seen: WatchSnapshot, *, why: bool) -> None:
    """Everything of the latest look; ``why`` tells for every line how its verdict was reached."""
    width = min(out.width, _WIDEST)
    _wrapped(out, headline(seen), 0, width)
    out.print()
    for line in seen.lines:
        _line(out, line, width, why)
    out.print()
    _wrapped(out, _about(seen), 0, width, "dim")


def _line(out: Console, line: WatchLine, width: int, why: bool) -> None:
    sign = Text(f"{_SIGNS[line.verdict]:<{_INDENT}}", style=_STYLES.get(line.verdict, ""))
    folded = _fold(f"{line.title}: {line.text} · before {line.before_text}", width - _INDENT)
    out.print(sign + Text(folded[0]))
    for more in folded[1:]:
        out.print(Text(" " * _INDENT + more))
    if why or line.verdict is not Verdict.OK:
        _wrapped(out, line.why, _INDENT + 2, width, "dim")
    if line.remedy:
        _wrapped(out, f"→ {line.remedy}", _INDENT + 2, width)


def _about(seen: WatchSnapshot) -> str:
    words = f"Watched since {iso(seen.began.replace(microsecond=0))}"
    if seen.until == seen.as_of and seen.looks <= 1:
        words = f"No watch is going on: events and searches since {iso(seen.began.replace(microsecond=0))}"
    words += f", as of {iso(seen.as_of.replace(microsecond=0))}"
    words += f", {seen.looks} looks kept." if seen.looks > 1 else "."
    if isinstance(seen.baseline, Unknown):
        words += f" Before: {seen.baseline.reason}."
    else:
        words += f" Before: {one_line(seen.baseline.id, 80)}, kept {iso(seen.baseline.kept_at.replace(microsecond=0))}."
        if seen.baseline.note:
            words += f" {one_line(seen.baseline.note, 300)}"
    if seen.gaps:
        longest = max((end - begin).total_seconds() for begin, end in seen.gaps)
        words += f" Nobody looked, or the server was away, {len(seen.gaps)} times; the longest lasted {span(longest)}."
    return words


def _wrapped(out: Console, words: str, indent: int, width: int, style: str = "") -> None:
    for line in _fold(words, max(20, width - indent)):
        out.print(Text(" " * indent + line, style=style))


def _fold(words: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(words, 2_000), width, break_on_hyphens=False) or [""]
