"""The watch in a sentence or two, worst thing first."""

from __future__ import annotations

from devora_console.analytics.aftermath.model import Recovered, WatchLine, WatchSnapshot
from devora_console.analytics.aftermath.words import value_words
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown


def headline(seen: WatchSnapshot) -> str:
    """What somebody has to know who reads nothing else."""
    parts = []
    for verdict, words in ((Verdict.FAIL, "Worse than before"), (Verdict.WARN, "Look at")):
        found = [line for line in seen.lines if line.verdict is verdict]
        if found:
            parts.append(f"{words}: " + ", ".join(f"{line.title} ({_value(line)})" for line in found) + ".")
    well = sum(line.verdict is Verdict.OK for line in seen.lines)
    if seen.recovered:
        parts.append("Failed meanwhile: " + ", ".join(map(_then, seen.recovered)) + ".")
    unknown = [line.title for line in seen.lines if line.verdict is Verdict.UNKNOWN]
    parts.append(f"{well} of {len(seen.lines)} are well" + (f"; not known: {', '.join(unknown)}." if unknown else "."))
    if isinstance(seen.baseline, Unknown):
        parts.append(f"{seen.baseline.reason[:1].upper()}{seen.baseline.reason[1:]}.")
    passed = (seen.as_of - seen.began).total_seconds()
    whole = (seen.until - seen.began).total_seconds()
    if seen.looks > 1 or not seen.ended:
        parts.append("The watch is over." if seen.ended else f"Watched {span(passed)} of {span(whole)}.")
    return " ".join(parts)


def _value(line: WatchLine) -> str:
    return line.now.reason if isinstance(line.now, Unknown) else value_words(line.unit, line.now)


def _then(line: Recovered) -> str:
    looks = "1 look" if line.looks == 1 else f"{line.looks} looks"
    return f"{line.title} ({looks}, the last {iso(line.last.replace(microsecond=0))})"
