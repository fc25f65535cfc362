"""What slow statements suggest, and why the others suggest nothing, in lines. Pure."""

from __future__ import annotations

from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice, Refusal
from devora_console.postgres.indexes.snapshot import IndexesSnapshot
from devora_console.tui.render.numbers import plural

_LISTED = 5


def advice_headline(snapshot: IndexesSnapshot) -> str:
    """The advice in one sentence; empty where nobody asked for it."""
    advice = snapshot.advice
    if advice is None:
        return ""
    if isinstance(advice, Unknown):
        return f"? suggested indexes: {advice.reason}"
    limits = (
        f"mean at least indexes.suggest_mean_ms = {snapshot.thresholds['suggest_mean_ms']:g},"
        f" at least indexes.suggest_calls = {snapshot.thresholds['suggest_calls']:g} calls"
    )
    hidden = f"; {plural(advice.hidden, 'entry', 'entries')} of others could not be seen" if advice.hidden else ""
    if not advice.slow:
        return f"Suggested indexes: no statement of this database is slow enough to ask ({limits}){hidden}."
    helped = len({gain.statement.queryid for each in advice.suggestions for gain in each.gains})
    unknown = sum(len(each.statements) for each in advice.unknown)
    declined = sum(len(each.statements) for each in advice.declined)
    whole = advice.asked >= advice.slow
    return (
        f"Suggested indexes: {plural(advice.slow, 'slow statement')} ({limits})"
        + ("" if whole else f", of which the {advice.asked} costliest were planned")
        + f": {helped} would gain by an index, {declined} by none,"
        + f" {unknown} could not be judged{hidden}."
    )


def advice_lines(snapshot: IndexesSnapshot) -> list[str]:
    """Why statements suggest nothing, those first that could not be judged."""
    advice = snapshot.advice
    if isinstance(advice, Unknown):
        return [f"→ {advice.remedy}"] if advice.remedy else []
    if not isinstance(advice, Advice):
        return []
    every = sum(len(each.statements) for each in advice.unknown)
    found = [
        f"? {len(each.statements)} of {advice.asked} could not be judged {_of(each)}"
        for each in advice.unknown[:_LISTED]
    ]
    if len(advice.unknown) > _LISTED:
        rest = every - sum(len(each.statements) for each in advice.unknown[:_LISTED])
        found.append(f"? {rest} of {advice.asked} for other reasons; --json gives all")
    found += [
        f"{len(each.statements)} of {advice.asked} would gain by none {_of(each)}" for each in advice.declined[:_LISTED]
    ]
    if len(advice.declined) > _LISTED:
        rest = sum(len(each.statements) for each in advice.declined[_LISTED:])
        found.append(f"{rest} of {advice.asked} for other reasons; --json gives all")
    return found


def _of(refusal: Refusal) -> str:
    named = ", ".join(str(each) for each in refusal.statements[:2]) + (", …" if len(refusal.statements) > 2 else "")
    return f"({named}): {refusal.words}" + (f" → {refusal.remedy}" if refusal.remedy else "")
