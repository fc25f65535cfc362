"""A plan as a tree, the hot node marked, and explained in words below."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from devora_console.core.safetext import one_line
from devora_console.postgres.plans.snapshot import Node, Plan
from devora_console.postgres.plans.words import THIN, milliseconds, percent
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import short, whole

_DEEPEST = 12  # further in, a number says how deep
_LEAST = 40
_LEAST_NAME = 24


def plan_summary(plan: Plan) -> str:
    """The plan in one line: how long, and what takes most.

    Foreign names in it are made safe.
    """
    took = ""
    if plan.execution_ms is not None:
        took = f"Took {_ms(plan.execution_ms)}. "
    elif plan.root.self_ms is None:
        took = f"Estimated cost {_cost(plan.root.cost_total)}; not run. "
    hot = plan.hot_node
    if hot is None:
        return (
            f"{took}No node took a time that can be measured." if plan.root.actual else f"{took}No node costs anything."
        )
    name = one_line(hot.title, 120)
    if hot.by == "time":
        return f"{took}{name} takes {percent(hot.share)} of the time."
    return f"{took}{name} holds {percent(hot.share)} of the estimated cost."


def plan_lines(plan: Plan, look: Look, width: int) -> Text:
    """The whole plan: heading, tree, the hot node in words, notes; no line is wider than ``width`` cells."""
    width = max(_LEAST, width)
    out = _Out(look, width)
    out.words(plan_summary(plan), "bold")
    out.blank()
    _tree(plan, out)
    _hot(plan, out)
    out.blank()
    for note in _notes(plan):
        out.words(note, look.muted, first="· ", then="  ")
    return out.text


class _Out:
    """Lines of a given width."""

    def __init__(self, look: Look, width: int) -> None:
        self.look, self.width = look, width
        self.text = Text(no_wrap=True, end="")

    def line(self, *pieces: tuple[str, str]) -> None:
        """One line of safe words with their styles."""
        if self.text:
            self.text.append("\n")
        for words, style in pieces:
            self.text.append(words, style)

    def blank(self) -> None:
        """An empty line."""
        self.text.append("\n")

    def words(self, words: str, style: str = "", first: str = "", then: str = "") -> None:
        """Words folded at spaces; a word that is too long is broken."""
        lead, room = first, self.width
        line = ""
        for word in self.look.plain(words).split(" "):
            rest = word
            while rest:
                joined = f"{line} {rest}" if line else rest
                if cell_len(lead + joined) <= room:
                    line, rest = joined, ""
                elif line:
                    self.line((self.look.plain(lead) + line, style))
                    lead, line = then, ""
                else:
                    fits = _head(rest, room - cell_len(lead))
                    self.line((self.look.plain(lead) + fits, style))
                    lead, rest = then, rest[len(fits) :]
        if line:
            self.line((self.look.plain(lead) + line, style))


def _head(text: str, width: int) -> str:
    """As many characters as ``width`` cells hold, at least one."""
    used = 0
    for at, char in enumerate(text):
        used += cell_len(char)
        if used > width and at:
            return text[:at]
    return text


def _tree(plan: Plan, out: _Out) -> None:
    look = out.look
    timed = plan.root.self_ms is not None
    heads: tuple[str, ...] = ("all", "itself", "rows expected → came") if timed else ("cost", "itself", "rows expected")
    widths: tuple[int, ...] = (9, 9, 20) if timed else (9, 9, 13)
    left = _room(out.width, widths)
    if left < _LEAST_NAME:  # too narrow for three figures: what each takes by itself is the last to go
        heads, widths = heads[1:], widths[1:]
        left = _room(out.width, widths)
    if left < _LEAST_NAME:
        heads, widths = heads[:1], widths[:1]
        left = _room(out.width, widths)
    first = 3 - len(heads) if len(heads) > 1 else 1
    cells = [head.rjust(room) for head, room in zip(heads, widths, strict=True)]
    out.line((look.plain(" " * left + "  " + "  ".join(cells)), look.muted))
    for node in plan.nodes:
        hot = plan.hot_node is not None and plan.hot_node.node == node.id
        figures = _figures(node, timed)[first : first + len(widths)]
        lead = _lead(node, look)
        label, facts = _label(node), _facts(node, hot)
        if node.index and cell_len(lead + label) > left:  # the index on a line of its own
            label, facts = label.replace(f" using {node.index}", "", 1), [f"using {one_line(node.index, 130)}", *facts]
        name = look.pad(lead + look.text(label, 300), left).plain
        row = "  ".join(
            look.fit(look.plain(each), room).rjust(room) for each, room in zip(figures, widths, strict=True)
        )
        mark = look.plain(" ◀" if look.unicode else " <") if hot else ""
        out.line((name, "bold" if hot else ""), (f"  {row}", "bold" if hot else ""), (mark, look.warn))
        _under(facts, hot, out, cell_len(lead))


def _room(width: int, widths: tuple[int, ...]) -> int:
    """Cells left for names beside these figures and the mark."""
    return width - sum(widths) - 2 * len(widths) - 2


def _lead(node: Node, look: Look) -> str:
    if not node.depth:
        return ""
    deep = f"{node.depth} " if node.depth > _DEEPEST else ""
    return "  " * (min(node.depth, _DEEPEST) - 1) + deep + look.plain("└ ")


def _label(node: Node) -> str:
    return f"{node.subplan}: {node.title}" if node.subplan else node.title


def _figures(node: Node, timed: bool) -> tuple[str, str, str]:
    expected = _rows(node.rows_estimated)
    if not timed or node.actual is None:
        came = f"{expected} → {_rows(node.actual.rows)}" if node.actual else expected
        return _cost(node.cost_total), _cost(node.self_cost), came
    if not node.actual.loops:
        return "–", "–", "never run"
    return _ms(node.whole_ms or 0.0), _ms(node.self_ms or 0.0), f"{expected} → {_rows(node.actual.rows)}"


def _facts(node: Node, hot: bool) -> list[str]:
    """What belongs to a node: loops, conditions, what it threw away; more of the hot one."""
    facts = []
    if node.actual and node.actual.loops > 1:
        facts.append(
            f"{whole(node.actual.loops)} loops" + (" over all workers" if node.in_parallel else "") + ", rows per loop"
        )
    facts += [f"{one_line(key, 40).lower()} {one_line(text, 4000 if hot else 300)}" for key, text in node.conditions]
    if node.actual and node.removed_by_filter:
        facts.append(
            f"filter removed {_rows(node.removed_by_filter)} rows" + (" per loop" if node.actual.loops > 1 else "")
        )
    if node.subplans_removed:
        facts.append(f"{whole(node.subplans_removed)} partitions left out")
    if node.buffers and (node.buffers.shared_hit or node.buffers.shared_read) and hot:
        facts.append(
            f"pages {whole(node.buffers.shared_hit)} in shared buffers, {whole(node.buffers.shared_read)} read"
        )
    return facts


def _under(facts: list[str], hot: bool, out: _Out, indent: int) -> None:
    """Each on a line, cut at its end; those of the hot node whole."""
    look = out.look
    space = " " * min(indent + 2, out.width // 3)
    for fact in facts:
        if hot:
            out.words(fact, look.muted, space, space + "  ")
        else:
            out.line((look.fit(look.plain(space + fact), out.width), look.muted))


def _hot(plan: Plan, out: _Out) -> None:
    hot = plan.hot_node
    if hot is None:
        return
    out.blank()
    mark = "◀ " if out.look.unicode else "< "
    out.words(f"{one_line(hot.title, 200)} {hot.words}.", "", mark, "  ")
    for reason in hot.reasons:
        out.words(f"{reason.words}.", "", "  ", "    ")


def _notes(plan: Plan) -> list[str]:
    notes = [*plan.notes]
    if plan.settings:
        pairs = ", ".join(f"{one_line(name, 60)} = {one_line(value, 80)}" for name, value in plan.settings)
        notes.append(f"Planner settings that are not the defaults: {pairs}.")
    notes.append(f"search_path {one_line(plan.search_path, 120)}.")
    if plan.planning_ms is not None:
        notes.append(f"Planning took {_ms(plan.planning_ms)}.")
    return notes


def _rows(number: float) -> str:
    if number < 10 and number != int(number):
        return f"{number:.2f}".rstrip("0").rstrip(".") if number >= 0.01 else "<0.01"
    return short(number) if number >= 1e7 else whole(round(number))


def _ms(value: float) -> str:
    """At most nine cells: seconds from a hundred thousand milliseconds on."""
    return f"{short(value / 1000)}{THIN}s" if value >= 99_999.5 else milliseconds(value)


def _cost(value: float) -> str:
    return f"{value:.2f}" if value < 100 else short(value) if value >= 1e6 else whole(round(value))
