"""A hit in depth: what it is, where each method has it, and what the fusion made of that. Pure functions."""

from __future__ import annotations

from rich.text import Text

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.search.model import Hit, MethodAnswer, SearchSnapshot
from devora_console.tui.render.look import Look
from devora_console.tui.render.search_words import NAMES, View, marked, move_words, stems, title_of

_ALIKE = 1e-9


def hit_depth(view: View, look: Look) -> Text | None:
    """The hit under the cursor: what it is, where each method has it, and what the fusion made of that."""
    hit, shown = view.hit, view.snapshot
    if hit is None or shown is None:
        return None
    out = Text(end="")
    out.append_text(title_of(hit, look, stems(shown.analysed)))
    out.append(f"\n{hit.entity_type} {look.text(hit.entity_id, 60)}", style=look.muted)
    out.append(f"\n{_where(hit, look)}\n", style=look.muted)
    said = move_words(view.moved(view.column), hit, view.baseline)
    out.append(f"\n{NAMES[view.column]}: rank {hit.rank}, score {hit.score:.5f}" + (f", {said}" if said else "") + "\n")
    _legs(out, hit, shown, look)
    out.append("\nwhere each method has it\n", style="bold")
    for method, answer in shown.methods.items():
        out.append(f" {NAMES[method]:<10} {_standing(answer, hit, look)}\n")
    if hit.snippet:
        out.append("\nsnippet\n", style="bold")
        out.append_text(marked(hit.snippet, look, 700))
    return out


def _where(hit: Hit, look: Look) -> str:
    words = f"of user {look.text(hit.owner, 40)}" if hit.owner else "owner ? could not be read"
    if hit.happened_at is not None:
        words += look.plain(f" · {hit.happened_at:%Y-%m-%d %H:%M}Z")
    if context := hit.metadata.get("context"):
        words += look.plain(f" · in {look.text(str(context), 100)}")
    if language := hit.metadata.get("language"):
        words += look.plain(f" · {look.text(str(language), 30)}")
    if hit.metadata.get("stale"):
        words += look.plain(" · ") + f"{look.sign(Verdict.STALE)} changed since it was embedded"
    return words


def _legs(out: Text, hit: Hit, shown: SearchSnapshot, look: Look) -> None:
    """The parts of a fused score. Raw scores of different legs do not compare."""
    if not hit.legs:
        return
    out.append("\nleg        rank   raw score   term of the fusion\n", style="bold")
    for part in hit.legs:
        weight = shown.fusion.weights.get(part.leg, 0.0)
        full = weight / (shown.fusion.k + part.rank)
        counted = (
            "" if not full or abs(part.term - full) < 1e-9 else f" x {part.term / full:.2g} (some of the words only)"
        )
        out.append(
            f" {NAMES[part.leg]:<10}{part.rank:>4}   {part.score:>9.4f}   "
            f"{weight:.3g}/({shown.fusion.k}+{part.rank}){counted} = {part.term:.5f}\n"
        )
    out.append("Raw scores of different legs do not compare.\n", style=look.muted)


def _standing(answer: MethodAnswer, hit: Hit, look: Look) -> str:
    problem = answer.problem
    if problem is not None:
        return "? " + look.text(problem.reason if isinstance(problem, Unknown) else problem.message, 100)
    place = next((other for other in answer.hits if other.key == hit.key), None)
    return f"rank {place.rank}, score {place.score:.5f}" if place else f"not among its {answer.returned}"
