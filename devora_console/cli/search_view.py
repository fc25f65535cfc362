"""``search`` for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.postgres.plans import Plan
from devora_console.search.model import (
    MARK_BEGIN,
    MARK_END,
    Hit,
    Isolation,
    LegPart,
    Method,
    MethodAnswer,
    SearchSnapshot,
)
from devora_console.search.movement import Movement, movement
from devora_console.search.plans import flags
from devora_console.search.trying import Neighbours

_NAMES = {Method.FTS: "full text", Method.TRIGRAM: "trigram", Method.SEMANTIC: "semantic", Method.HYBRID: "hybrid"}


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found out: the answers, plans by leg where they were asked for, neighbours where those were."""

    snapshot: SearchSnapshot
    plans: Mapping[Method, Plan | Unknown]
    near: Neighbours | Unknown | None


def keys(looked: Looked) -> dict[str, object]:
    """The JSON keys."""
    snapshot = looked.snapshot
    asked = snapshot.asked
    found: dict[str, object] = {
        "query": asked.text,
        "as": {"role": snapshot.role, "user": asked.user, "owner": asked.as_owner},
        "analysed": snapshot.analysed,
        "methods": {method.value: _method(answer) for method, answer in snapshot.methods.items()},
        "fusion": snapshot.fusion,
        "isolation": snapshot.isolation,
        "embedder": {"model": snapshot.model, "label": snapshot.embedder, "coverage": snapshot.coverage},
    }
    if looked.plans:
        found["plans"] = {
            method.value: {"plan": plan, "flags": flags(plan, method)} for method, plan in looked.plans.items()
        }
    if looked.near is not None:
        found["neighbours"] = looked.near
    return found


def _method(answer: MethodAnswer) -> dict[str, object]:
    return {
        "results": answer.hits,
        "took_ms": round(answer.took_ms, 2),
        "asked": answer.asked,
        "returned": answer.returned,
        "short": answer.short,
        "notes": answer.notes,
        "flags": answer.flags,
        "problem": answer.problem,
        "sql": answer.sql,
        "parameters": [_shown(each) for each in answer.parameters],
        "opening": answer.opening,
    }


def _shown(value: object) -> str:
    """A parameter as text; a vector by its beginning."""
    if isinstance(value, str) and value.startswith("[") and len(value) > 200:
        return f"{value[:60]}... ({value.count(',') + 1} numbers)"
    return str(value)


def show(out: Console, looked: Looked, *, sql: bool) -> None:
    """For people: what was made of the query, each method with its hits, and what was asked for besides."""
    snapshot = looked.snapshot
    _analysis(out, snapshot)
    baseline = snapshot.methods.get(Method.FTS)
    for method, answer in snapshot.methods.items():
        moved = movement(answer.hits, baseline.hits) if baseline and method is Method.HYBRID else None
        _answer(out, method, answer, moved)
        if sql and answer.sql:
            out.print(Text(safe(f"{answer.opening}\n{answer.sql}\n-- " + ", ".join(map(_shown, answer.parameters)))))
    for method, plan in looked.plans.items():
        _plan(out, method, plan)
    if looked.near is not None:
        out.print(Text(safe(_near(looked.near))))
    if isinstance(snapshot.isolation, Isolation):
        sign = "✓" if snapshot.isolation.ok else "✗"
        out.print(Text(f"{sign} {snapshot.isolation.checked} hits checked: all are this user's"
                       if snapshot.isolation.ok else f"{sign} hits of others were found"))  # fmt: skip


def _analysis(out: Console, snapshot: SearchSnapshot) -> None:
    who = f"user {snapshot.asked.user} (row-level security)" if not snapshot.asked.as_owner else "owner"
    out.print(Text(safe(f"as {who}, role {snapshot.role}")))
    analysed = snapshot.analysed
    if analysed.strict:
        out.print(Text(safe(f"parsed   {analysed.strict}")))
    for note in analysed.notes:
        out.print(Text(safe(f"         {note}")))


def _answer(out: Console, method: Method, answer: MethodAnswer, moved: Movement | None) -> None:
    badge = f"  {answer.returned} of {answer.asked}" if answer.short else f"  {answer.returned}"
    out.print(Text(f"\n{_NAMES[method]}{badge}  {answer.took_ms:.0f} ms", style="bold"))
    if answer.problem is not None:
        out.print(Text(safe(f"  ! {answer.problem}")))
    for hit in answer.hits:
        words = moved.words(hit.key) if moved else ""
        line = Text(f"{hit.rank:>3} {words:<4}" if moved else f"{hit.rank:>3} ")
        line.append(f"{hit.score:<8.4f}{hit.entity_type:<13}{one_line(hit.title, 60)}")
        if hit.legs:
            line.append("  " + " + ".join(_part(part) for part in hit.legs), style="dim")
        out.print(line)
        if hit.snippet:
            out.print(Text("      ") + marked(hit))
    for note in answer.notes:
        out.print(Text(safe(f"  {note}"), style="dim"))


def _part(part: LegPart) -> str:
    return f"{_NAMES[part.leg]} {part.rank} ({part.term:.4f})"


def marked(hit: Hit, limit: int = 160) -> Text:
    """A snippet on one line, safe, what matched in bold."""
    text = Text()
    bold = False
    for piece in _pieces(hit.snippet):
        if piece in (MARK_BEGIN, MARK_END):
            bold = piece == MARK_BEGIN
        else:
            text.append(safe(" ".join(piece.replace("\n", " ").split(" "))), style="bold" if bold else "")
    text.truncate(limit, overflow="ellipsis")
    return text


def _pieces(snippet: str) -> list[str]:
    spaced = snippet.replace(MARK_BEGIN, f"\0{MARK_BEGIN}\0").replace(MARK_END, f"\0{MARK_END}\0")
    return [piece for piece in spaced.split("\0") if piece]


def _plan(out: Console, method: Method, plan: Plan | Unknown) -> None:
    if isinstance(plan, Unknown):
        out.print(Text(safe(f"\nplan of {_NAMES[method]}: {plan}")))
        return
    took = f", {plan.execution_ms:.1f} ms" if plan.execution_ms is not None else ""
    out.print(Text(f"\nplan of {_NAMES[method]}{took}", style="bold"))
    for node in plan.nodes:
        rows = f"  {node.actual.all_rows:,.0f} rows" if node.actual else ""
        removed = f", {node.removed_by_filter:,.0f} thrown away" if node.removed_by_filter else ""
        out.print(Text(safe(f"  {'  ' * node.depth}{node.title}{rows}{removed}")))
    for flag in flags(plan, method):
        out.print(Text(safe(f"  ! {flag}")))


def _near(near: Neighbours | Unknown) -> str:
    if isinstance(near, Unknown):
        return f"\nneighbours: {near}"
    through = "through the index" if near.through_index is True else "no index was used"
    if isinstance(near.through_index, Unknown):
        through = "whether an index was used is not known"
    recall = f"{near.recall:.0%}" if isinstance(near.recall, float) else str(near.recall)
    return (
        f"\nneighbours: {len(near.exact)} exact in {near.exact_ms:.1f} ms, {len(near.approximate)} approximate in "
        f"{near.approximate_ms:.1f} ms ({through}); {recall} of the exact ones found"
    )
