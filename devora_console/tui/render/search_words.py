"""Words about a search: who asks, what was found, how it moved, what stands in the way. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from devora_console.core.problems import Problem
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.search.engine import NOTHING as NO_WORDS
from devora_console.search.folding import folded
from devora_console.search.model import (
    MARK_BEGIN,
    MARK_END,
    Analysed,
    Asked,
    Fate,
    Hit,
    Isolation,
    Method,
    MethodAnswer,
    SearchSnapshot,
)
from devora_console.search.movement import Movement, movement
from devora_console.search.seen import SearchSeen
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import plural

NAMES = {Method.FTS: "full text", Method.TRIGRAM: "trigram", Method.SEMANTIC: "semantic", Method.HYBRID: "hybrid"}
BEFORE, NOTHING = "before", ""
BASELINES = (Method.FTS.value, Method.TRIGRAM.value, Method.SEMANTIC.value, Method.HYBRID.value, BEFORE, NOTHING)
"""What hits can be compared with: a method of the same ask, the same method as it was asked before, or nothing."""
_SHORTEST_STEM = 2
_MARKS = re.compile(f"([{MARK_BEGIN}{MARK_END}])")


@dataclass(frozen=True, slots=True)
class View:
    """All the search screen draws from.

    ``asked`` is what is wanted now, the text as typed; ``person`` the address of its user where it is known. ``method``
    is the one that is shown alone, None for all of them side by side. The cursor is on ``at``, a place in the hits of
    ``column``. ``grades`` are those that were given to documents for this text.
    """

    seen: SearchSeen
    asked: Asked
    person: str = ""
    method: Method | None = None
    baseline: str = Method.FTS.value
    column: Method = Method.HYBRID
    at: int = 0
    grades: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def snapshot(self) -> SearchSnapshot | None:
        """The answers that are shown."""
        return self.seen.snapshot

    @property
    def outdated(self) -> bool:
        """Whether what is shown answers another ask than the one that is wanted."""
        return self.snapshot is not None and self.seen.asking is not None and self.snapshot.asked != self.seen.asking

    @property
    def hit(self) -> Hit | None:
        """The hit under the cursor."""
        answer = self.snapshot.methods.get(self.column) if self.snapshot else None
        return answer.hits[self.at] if answer is not None and 0 <= self.at < len(answer.hits) else None

    def moved(self, method: Method) -> Movement | None:
        """How this method's hits moved against the baseline; None where there is nothing to compare with."""
        if self.snapshot is None or method not in self.snapshot.methods:
            return None
        answer = self.snapshot.methods[method]
        if self.baseline == BEFORE:
            other = self.seen.before.methods.get(method) if self.seen.before else None
        elif self.baseline in {NOTHING, method.value}:
            other = None
        else:
            other = self.snapshot.methods.get(Method(self.baseline))
        if other is None or other.problem is not None or answer.problem is not None:
            return None
        return movement(answer.hits, other.hits)


def baseline_words(baseline: str) -> str:
    """What hits are compared with."""
    if baseline == NOTHING:
        return "nothing"
    return "the answer before" if baseline == BEFORE else NAMES[Method(baseline)]


def whom(asked: Asked, person: str, look: Look) -> str:
    """As whom it is searched: always shown."""
    name = look.fit(look.text(person, 100), 40) if person else f"{(asked.user or '')[:8]}{look.plain('…')}"
    if asked.as_owner:
        return f"as owner, only what {name} has" if asked.user else "as owner, past row-level security"
    return f"as user {name} (row-level security)" if asked.user else "as nobody yet: press u"


def why(problem: Problem | Unknown, look: Look, limit: int = 300) -> str:
    """A problem in one line."""
    reason, remedy = (problem.reason if isinstance(problem, Unknown) else problem.message), problem.remedy
    if remedy.startswith("devora-console"):
        remedy = f"Next: {remedy}"
    end = "" if reason.endswith(("?", "!", ".")) else "."
    words = f"{reason}{end} {remedy}"
    return look.text(words.rstrip(" ."), limit) + "."


def move(moved: Movement | None, hit: Hit) -> str:
    """In a few cells: ``▲2``, ``▼1``, ``=``, ``+new``."""
    words = moved.words(hit.key) if moved else ""
    return "+new" if words == "NEW" else words


def move_words(moved: Movement | None, hit: Hit, baseline: str) -> str:
    """The same in words."""
    if moved is None:
        return ""
    against = "than before" if baseline == BEFORE else f"than in {baseline_words(baseline)}"
    if hit.key in moved.new:
        return "new: " + ("it was not found before" if baseline == BEFORE else f"not in {baseline_words(baseline)}")
    by = moved.moved.get(hit.key, 0)
    if not by:
        return "in the same place" + (" as before" if baseline == BEFORE else f" as in {baseline_words(baseline)}")
    return f"{plural(abs(by), 'place')} {'higher' if by > 0 else 'lower'} {against}"


def marked(snippet: str, look: Look, limit: int, style: str = "") -> Text:
    """A snippet on one line, safe, what matched underlined and bold."""
    out = Text(no_wrap=True, end="")
    bold = False
    for part in _MARKS.split(snippet[: limit * 4]):
        if part in (MARK_BEGIN, MARK_END):
            bold = part == MARK_BEGIN
            continue
        words = look.plain(_folded_space(safe(part, limit)))
        out.append(words, style="bold underline" if bold else style)
    return out


def _folded_space(text: str) -> str:
    """Runs of white space and line ends as one space; those at the ends stay, for the next part follows."""
    inner = " ".join(text.split())
    if not inner:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + inner + (" " if text[-1].isspace() else "")


def stems(analysed: Analysed) -> tuple[str, ...]:
    """What the words of a title begin with where the query matches it."""
    found: dict[str, None] = {}
    for word in analysed.words:
        if word.fate in (Fate.KEPT, Fate.COMMON, Fate.CORRECTED):
            for each in (*folded(word.became).split(), folded(word.text)):
                if len(each) >= _SHORTEST_STEM:
                    found[each] = None
    return tuple(found)


def title_of(hit: Hit, look: Look, wanted: Sequence[str]) -> Text:
    """A title with what matched marked; where there is none, what it is."""
    title = one_line(hit.title, 200).strip()
    out = Text(no_wrap=True, end="")
    if not title:
        out.append(f"({hit.entity_type} without a title)")
        return out
    at = 0
    for begin, end in _tokens(title):
        out.append(look.plain(title[at:begin]))
        token = folded(title[begin:end])
        found = any(token.startswith(stem) for stem in wanted)
        out.append(look.plain(title[begin:end]), style="bold underline" if found else "")
        at = end
    out.append(look.plain(title[at:]))
    return out


def _tokens(title: str) -> list[tuple[int, int]]:
    """Where runs of letters and digits are."""
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for at, char in enumerate(title + " "):
        if char.isalnum():
            begin = at if begin is None else begin
        elif begin is not None:
            found.append((begin, at))
            begin = None
    return found


def heading(method: Method, answer: MethodAnswer | None, look: Look) -> tuple[str, str]:
    """A method's name, how many of how many, how long; and the style that repeats the state."""
    name = NAMES[method]
    if answer is None:
        return look.plain(f"{name} … asked"), look.muted
    if nothing_to_find(answer):
        return look.plain(f"{name} · no word for it"), look.muted
    if answer.problem is not None:
        return f"{name} ? unknown", look.muted
    words = f"{name} {answer.returned}/{answer.asked}" + (" ! short" if answer.short else "")
    return f"{words} {answer.took_ms:.0f} ms", look.warn if answer.short else ""


def nothing_to_find(answer: MethodAnswer) -> bool:
    """Whether what was typed leaves this method nothing to search for: nothing is wrong then, and nothing unknown."""
    return isinstance(answer.problem, Problem) and answer.problem.code in NO_WORDS


def headline(view: View, look: Look) -> str:
    """The worst first, in plain words."""
    if view.seen.problem is not None:
        return f"Nothing can be searched: {why(view.seen.problem, look)}"
    shown = view.snapshot
    if shown is None or not view.asked.text.strip():
        if view.seen.asking is not None:
            return look.plain("Searching …")
        return "Nothing asked yet. Press / and type: full text, trigram, semantic and hybrid answer side by side."
    if view.outdated:
        asked = look.fit(look.text(shown.asked.text, 100), 40) or "what was typed before"
        return f"{look.plain('…')} Searching; below is still the answer to: {asked}"
    parts = (_strangers(shown), _unanswered(shown, look), _found(shown, look), _idle(shown))
    return " ".join(part for part in parts if part)


def _strangers(shown: SearchSnapshot) -> str:
    if isinstance(shown.isolation, Isolation) and not shown.isolation.ok:
        return f"{plural(len(shown.isolation.strangers), 'hit')} of somebody else: row-level security does not hold."
    return ""


def _unanswered(shown: SearchSnapshot, look: Look) -> str:
    """Methods without an answer, each with why; once where it is the same for all."""
    lost = [
        (method, answer.problem)
        for method, answer in shown.methods.items()
        if answer.problem is not None and not nothing_to_find(answer)
    ]
    reasons = {str(problem) for _, problem in lost}
    if lost and len(reasons) == 1 and len(lost) == len(shown.asked.methods):
        return why(lost[0][1], look)[:1].upper() + why(lost[0][1], look)[1:]
    return " ".join(f"{NAMES[method]} is unknown: {why(problem, look)}" for method, problem in lost)


def _idle(shown: SearchSnapshot) -> str:
    """Methods that what was typed leaves nothing to search for."""
    idle = [NAMES[method] for method, answer in shown.methods.items() if nothing_to_find(answer)]
    if len(idle) == len(shown.asked.methods):
        return "Nothing to search for: no word is left that any method could look for."
    verb = "has" if len(idle) == 1 else "have"
    return f"{' and '.join(idle)} {verb} no word to search for." if idle else ""


def _found(shown: SearchSnapshot, look: Look) -> str:
    answered = {method: answer for method, answer in shown.methods.items() if answer.problem is None}
    if not answered:
        return "" if shown.complete else look.plain("Asked …")
    best = answered.get(Method.HYBRID) or next(iter(answered.values()))
    waiting = [NAMES[method] for method in shown.asked.methods if method not in shown.methods]
    rest = look.plain(f" Waiting for {', '.join(waiting)}.") if waiting and not shown.complete else ""
    if not best.hits:
        return f"{NAMES[best.method]} finds nothing.{rest}"
    first = best.hits[0]
    title = look.fit(look.text(first.title, 100), 40) or first.entity_type
    also = [NAMES[method] for method, answer in answered.items() if answer is not best and _first(answer, first)]
    said = f", as in {' and '.join(also)}" if also else ""
    return f"{NAMES[best.method]} finds {best.returned}, first: {title} ({first.entity_type}){said}.{rest}"


def _first(answer: MethodAnswer, hit: Hit) -> bool:
    return bool(answer.hits) and answer.hits[0].key == hit.key
