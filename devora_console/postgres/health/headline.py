"""The health in one or two sentences, worst thing first."""

from __future__ import annotations

from devora_console.core.console import Verdict
from devora_console.postgres.health.snapshot import HealthLine, HealthSnapshot, badness
from devora_console.postgres.health.words import count

_COUNTED = {Verdict.FAIL: "failing", Verdict.WARN: "to look at", Verdict.UNKNOWN: "unknown", Verdict.OK: "ok"}


def headline(snapshot: HealthSnapshot) -> str:
    """How many findings of each kind, then the worst in words; "unknown" is never passed off as good."""
    lines = sorted(snapshot.lines, key=badness)
    if not lines:
        return "No health section was looked at."
    tally = [
        f"{count(number)} {word}"
        for verdict, word in _COUNTED.items()
        if (number := sum(line.verdict is verdict for line in lines))
    ]
    counted = ", ".join(tally) or "nothing to judge"
    bad = [line for line in lines if line.verdict in (Verdict.FAIL, Verdict.WARN)]
    hidden = [line for line in lines if line.verdict is Verdict.UNKNOWN]
    if bad:
        return f"{_said(bad[0])} In all {counted}."
    if hidden:
        return f"Nothing bad was found, but not everything is known: {_said(hidden[0])} In all {counted}."
    return f"Nothing needs attention: {counted}."


def _said(line: HealthLine) -> str:
    text = f"{line.title}: {line.text}"
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!")) else ".")
