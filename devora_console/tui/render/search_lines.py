"""The search screen's lines around its hits: who asks and how, the knobs, what was made of the query, notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.search.model import KINDS, LEGS, Asked, Isolation, Knobs, Method, SearchSnapshot
from devora_console.search.seen import Embedded
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import share, whole
from devora_console.tui.render.search_words import NAMES, View, baseline_words, nothing_to_find, whom, why

KNOBS = ("fts", "trigram", "semantic", "k", "candidates", "ef", "spelling", "nearness", "limit", "exact")
"""What can be turned, in the order it is shown."""
_STEPS = {"k": 10, "candidates": 10, "ef": 50, "limit": 5}
_SHORT = {
    "trigram": "tri",
    "semantic": "sem",
    "candidates": "cand",
    "spelling": "sp",
    "nearness": "near",
    "limit": "top",
}
_WIDE = 112
_FRESH = timedelta(seconds=5)
_LEAST, _MOST = 1, 1000


def context_line(view: View, look: Look, width: int) -> Text:
    """As whom, of which kinds, how many, compared with what."""
    asked = view.asked
    parts = [whom(asked, view.person, look), *_filters(asked, look), f"top {asked.limit}"]
    parts.append(f"compared with {baseline_words(view.baseline)}")
    out = Text(" ", no_wrap=True, end="")
    out.append(look.fit(look.plain(" · ".join(parts)), max(0, width - 2)), style="bold" if asked.as_owner else "")
    return out


def _filters(asked: Asked, look: Look) -> list[str]:
    kept = asked.filters
    kinds = "all types" if set(kept.kinds) == set(KINDS) else "only " + " and ".join(f"{kind}s" for kind in kept.kinds)
    parts = [kinds]
    if kept.since is not None:
        parts.append(f"since {kept.since:%Y-%m-%d}")
    if kept.until is not None:
        parts.append(f"until {kept.until:%Y-%m-%d}")
    if kept.language:
        parts.append(f"in {look.text(kept.language, 30)}")
    return parts


def knob_values(asked: Asked) -> dict[str, str]:
    """Each knob's value, in words."""
    knobs = asked.knobs
    weights = {leg.value: _weight(knobs, leg) for leg in LEGS}
    return weights | {
        "k": str(knobs.k),
        "candidates": str(knobs.candidates),
        "ef": str(knobs.ef_search),
        "spelling": f"{knobs.trigram_threshold:.2f}",
        "nearness": "any" if knobs.least_similarity <= -1 else f"{knobs.least_similarity:.2f}",
        "limit": str(asked.limit),
        "exact": "yes" if knobs.exact else "no",
    }


def _weight(knobs: Knobs, leg: Method) -> str:
    weight = knobs.weights.get(leg, 0.0)
    return f"{weight:.2g}" if leg in knobs.legs and weight > 0 else "off"


def knob_line(asked: Asked, look: Look, width: int, chosen: str | None) -> Text:
    """The knobs; the chosen one reversed, and in brackets where there is no colour to see."""
    out = Text(" " if width >= _WIDE else "", no_wrap=True, end="")
    for name, value in knob_values(asked).items():
        word = f"{name if width >= _WIDE else _SHORT.get(name, name)} {value}"
        out.append(f"[{word}]" if name == chosen else f" {word} ", style="reverse" if name == chosen else look.muted)
    out.truncate(max(0, width), overflow="crop")
    return out


def turned(asked: Asked, name: str, by: int) -> Asked:
    """The ask with one knob turned so many steps."""
    knobs = asked.knobs
    if name in (each.value for each in LEGS):
        leg = Method(name)
        now = knobs.weights.get(leg, 0.0) if leg in knobs.legs else 0.0
        weights = {**knobs.weights, leg: max(0.0, round(now + 0.25 * by, 2))}
        legs = tuple(each for each in LEGS if each in knobs.legs or each is leg)
        return replace(asked, knobs=replace(knobs, weights=weights, legs=legs))
    if name == "limit":
        return replace(asked, limit=_stepped(asked.limit, by, _STEPS[name], 200))
    if name == "k":
        knobs = replace(knobs, k=_stepped(knobs.k, by, _STEPS[name], 10_000))
    elif name == "candidates":
        knobs = replace(knobs, candidates=_stepped(knobs.candidates, by, _STEPS[name], _MOST))
    elif name == "ef":
        knobs = replace(knobs, ef_search=_stepped(knobs.ef_search, by, _STEPS[name], _MOST))
    elif name == "spelling":
        knobs = replace(knobs, trigram_threshold=min(1.0, max(0.1, round(knobs.trigram_threshold + 0.05 * by, 2))))
    elif name == "nearness":
        least = round(max(0.0, knobs.least_similarity) + 0.05 * by, 2)
        knobs = replace(knobs, least_similarity=min(0.95, least) if least > 0 else -1.0)
    else:
        knobs = replace(knobs, exact=not knobs.exact)
    return replace(asked, knobs=knobs)


def _stepped(now: int, by: int, step: int, most: int) -> int:
    """So many steps on, on whole steps, the least being one."""
    return min(most, max(_LEAST, (now // step + by) * step if by > 0 or now % step == 0 else now // step * step))


def notes_lines(view: View, look: Look, width: int) -> list[Text]:
    """What was made of the query, then what each method says of its answer, then who made the vector."""
    shown = view.snapshot
    if shown is None:
        return []
    out: list[tuple[str, str]] = []
    if shown.analysed.strict:
        out.append((f"parsed {look.text(shown.analysed.strict, 300)}", ""))
    out += [(look.text(note, 400), "") for note in shown.analysed.notes]
    methods = (view.method,) if view.method else tuple(Method)
    for method in methods:
        answer = shown.methods.get(method)
        if answer is None:
            continue
        if answer.problem is not None and not nothing_to_find(answer):
            out.append((f"? {NAMES[method]} unknown: {why(answer.problem, look)}", look.warn))
        out += [(f"{NAMES[method]}: {look.text(note, 300)}", "") for note in answer.notes if answer.problem is None]
    out += _vector(shown, look)
    out.append(_isolation(shown, look))
    return [
        Text(" " + look.fit(look.plain(words), width - 2), style=style, no_wrap=True, end="") for words, style in out
    ]


def _vector(shown: SearchSnapshot, look: Look) -> list[tuple[str, str]]:
    if not shown.embedder:
        return []
    known = f", knows {shown.coverage:.0%} of the query's words" if shown.coverage is not None else ""
    return [(f"vector by {look.text(shown.embedder, 80)}, model {look.text(shown.model, 60)}{known}", look.muted)]


def _isolation(shown: SearchSnapshot, look: Look) -> tuple[str, str]:
    found = shown.isolation
    role = look.text(shown.role, 60)
    if isinstance(found, Unknown):
        return f"role {role} · isolation ? {look.text(found.reason, 200)}", look.muted
    if found.ok:
        return f"role {role} · isolation ✓ {whole(found.checked)} hits checked, all this user's", look.muted
    return f"role {role} · isolation ✗ {len(found.strangers)} hits of somebody else", look.fail


def embedded_line(found: object, look: Look, now: datetime) -> str:
    """Coverage of search vectors and embeddings, with what is stale; ``found`` is what was seen of it."""
    if isinstance(found, Unknown | Problem):
        return look.plain(f"embeddings ? {why(found, look)}")
    if not isinstance(found, Embedded):
        return look.plain("embeddings … being counted")
    if not found.documents:
        return "no documents to search in yet: copy first (2), or devora-console search refresh"
    words = f"search vectors {share(found.vectors, found.documents)}"
    if isinstance(found.current, Unknown):
        return look.plain(f"{words} · embeddings ? {look.text(found.current.reason, 200)}")
    words += f" · embeddings {share(found.current, found.documents)}"
    stale = found.stale
    if isinstance(stale, int) and stale:
        words += f" ({share(stale, found.documents)} stale)"
    age = span(max(0.0, (now - found.as_of).total_seconds()))
    counted = f"counted {age} ago" if now - found.as_of > _FRESH else "counted just now"
    return look.plain(f"{words} of {whole(found.documents)} documents, {counted} · {look.text(found.model, 60)}")


def order_of(names: Sequence[str], now: str, by: int) -> str:
    """The name so many places on, round and round.

    >>> order_of(("a", "b", "c"), "c", 1)
    'a'
    """
    at = names.index(now) if now in names else 0
    return names[(at + by) % len(names)]


__all__ = ["KNOBS", "Isolation", "context_line", "embedded_line", "knob_line", "notes_lines", "order_of", "turned"]
