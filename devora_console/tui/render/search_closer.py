"""What is looked at closer: plans with what is wrong in them, exact neighbours, statements and what they gave. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from devora_console.core.unknown import Unknown
from devora_console.postgres.plans.snapshot import Plan
from devora_console.search.model import Method, MethodAnswer
from devora_console.search.plans import flags
from devora_console.search.trying import MOST_ROWS, Neighbours, Tried
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import plural
from devora_console.tui.render.plan import plan_lines
from devora_console.tui.render.search_words import NAMES, why

_LONG = 120
_CELL = 48


def plans_text(plans: Mapping[Method, Plan | Unknown], look: Look, width: int) -> Text:
    """What is wrong first, then the plan of each leg."""
    out = Text(end="")
    wrong = [(method, flag) for method, plan in plans.items() for flag in flags(plan, method)]
    for method, flag in wrong:
        out.append(f"! {NAMES[method]}: {look.text(flag, 300)}\n", style=look.warn)
    if not wrong:
        out.append("Nothing is wrong with what could be explained.\n" if _any(plans) else "No plan could be made.\n")
    for method, plan in plans.items():
        out.append(f"\n{NAMES[method]}\n", style="bold")
        if isinstance(plan, Unknown):
            out.append(f"? {why(plan, look)}\n", style=look.muted)
        else:
            out.append_text(plan_lines(plan, look, width))
            out.append("\n")
    return out


def _any(plans: Mapping[Method, Plan | Unknown]) -> bool:
    return any(not isinstance(plan, Unknown) for plan in plans.values())


def neighbours_text(
    found: Neighbours | Unknown,
    answer: MethodAnswer | None,
    titles: Mapping[tuple[str, str], str],
    look: Look,
) -> Text:
    """Exact beside approximate: how many of the true neighbours the index finds, and which it misses."""
    out = Text(end="")
    if isinstance(found, Unknown):
        out.append(f"Exact against approximate is unknown: {why(found, look)}", style=look.warn)
        return out
    recall = f"{found.recall:.0%}" if not isinstance(found.recall, Unknown) else f"? {look.text(found.recall.reason)}"
    if found.through_index:
        out.append(f"The index finds {recall} of the exact neighbours.\n", style="bold")
    else:
        out.append("No index of neighbours was used: both are the same search.\n", style="bold")
    out.append(look.plain(f"exact {found.exact_ms:.1f} ms · approximate {found.approximate_ms:.1f} ms\n"))
    had = set(found.approximate)
    for rank, key in enumerate(found.exact, 1):
        sign = look.plain("✓ found ") if key in had else look.plain("✗ missed")
        title = look.fit(look.text(titles.get(key, ""), 100), 50) or look.text(key[1], 40)
        out.append(f"\n{rank:>3} {sign} {key[0]:<13}{title}", style="" if key in had else look.warn)
    for key in [each for each in found.approximate if each not in set(found.exact)]:
        title = look.fit(look.text(titles.get(key, ""), 100), 50) or look.text(key[1], 40)
        out.append(f"\n    instead  {key[0]:<13}{title}", style=look.muted)
    if answer is not None and "exact" in answer.flags:
        out.append("\n\nThe answer beside this was itself compared with every vector.", style=look.muted)
    return out


def value(each: Any) -> str:
    """A parameter; a vector by its beginning."""
    if each is None:
        return "NULL"
    if isinstance(each, float):
        return f"{each:.6g}"
    if isinstance(each, str) and each.startswith("[") and len(each) > _LONG:
        return f"{each[:60]}... ({each.count(',') + 1} numbers)"
    return str(each)


def statement_text(answer: MethodAnswer, sql: str, look: Look) -> Text:
    """What opens the transaction, the statement, and its parameters."""
    out = Text(end="")
    if answer.opening:
        out.append(look.lines(answer.opening), style=look.muted)
        out.append("\n\n")
    out.append(look.lines(sql) or "There is none: the hybrid is made here, of the ranks of the others.")
    for number, each in enumerate(answer.parameters, 1):
        out.append(f"\n-- ${number} = {look.text(value(each), 300)}", style=look.muted)
    return out


def pasted(answer: MethodAnswer, sql: str) -> str:
    """The same to be pasted into psql: the whole transaction, with the values as they were bound."""
    text = sql.strip().rstrip(";")
    if answer.parameters:
        values = ", ".join(_literal(each) for each in answer.parameters)
        text = f"PREPARE devora_search AS\n{text};\nEXECUTE devora_search({values});\nDEALLOCATE devora_search"
    return f"{answer.opening}\n{text};\nROLLBACK;"


def _literal(each: Any) -> str:
    """A value as SQL; EXECUTE knows its type."""
    if each is None:
        return "NULL"
    if isinstance(each, list | tuple):
        inner = ",".join('"' + str(one).replace("\\", "\\\\").replace('"', '\\"') + '"' for one in each)
        each = "{" + inner + "}"
    return "'" + str(each).replace("'", "''") + "'"


def tried_text(found: Tried | Unknown, look: Look, width: int) -> Text:
    """The rows an edited statement gave."""
    out = Text(end="", no_wrap=True)
    if isinstance(found, Unknown):
        out.append(f"? {why(found, look, 800)}", style=look.warn)
        return out
    more = f", and there were more than {MOST_ROWS}" if found.more else ""
    out.append(f"{plural(len(found.rows), 'row')} in {found.took_ms:.1f} ms{more}\n", style="bold")
    rows = [tuple(look.fit(look.text(value(each), 200), _CELL) for each in row) for row in found.rows]
    titles = tuple(look.fit(look.text(name, 60), _CELL) for name in found.columns)
    widths = [max(len(row[at]) for row in (titles, *rows)) for at in range(len(titles))]
    for row in (titles, *rows):
        line = "  ".join(f"{each:<{wide}}" for each, wide in zip(row, widths, strict=True))
        out.append(look.fit(line, width) + "\n", style=look.muted if row is titles else "")
    return out
