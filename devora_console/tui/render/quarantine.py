"""The quarantine list and a document, as safe text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.cells import cell_len

from devora_console.migration.progress import QuarantineItem
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import plural, short

COLUMNS = (
    Column("collection", "collection", 13, rank=1),
    Column("id", "_id", 24, rank=0),
    Column("rule", "rule", 16, rank=2),
    Column("path", "path", 14, rank=4),
    Column("message", "message", 16, grows=True, rank=3),
)
ORDERS: Mapping[str, Callable[[QuarantineItem], tuple[str, ...]]] = {
    "collection": lambda item: (item.collection, item.source_id),
    "rule": lambda item: (item.rule, item.collection),
    "message": lambda item: (item.message,),
}
_LINE = 400
_LINES = 4_000


def item_key(item: QuarantineItem) -> str:
    """What tells one item from another."""
    return f"{item.collection}\n{item.source_id}\n{item.rule}\n{item.path}"


def quarantine_rows(items: Sequence[QuarantineItem], look: Look, order: str, keep: str = "") -> list[Row]:
    """One row per item that holds ``keep`` in any of its words; equal keys appear once."""
    needle = keep.casefold()
    rows: dict[str, Row] = {}
    for item in sorted(items, key=ORDERS[order]):
        words = (item.collection, item.source_id, item.rule, item.path, item.message)
        if any(needle in word.casefold() for word in words):
            shown = dict(zip(("collection", "id", "rule", "path", "message"), words, strict=True))
            cells = {name: (look.text(word, 300), "") for name, word in shown.items()}
            rows.setdefault(item_key(item), Row(item_key(item), cells))
    return list(rows.values())


def quarantine_headline(total: int, shown: int, loaded: int, limit: int, rules: Mapping[str, int]) -> str:
    """How many documents are held, by which rules most, and whether the list is cut."""
    if not total and not loaded:
        return "Nothing is in quarantine."
    words = f"{plural(max(total, loaded), 'document')} could not be converted."
    ranked = sorted(rules.items(), key=lambda rule: (-rule[1], rule[0]))[:3]
    if ranked:
        words += " Most: " + ", ".join(f"{name} {short(count)}" for name, count in ranked) + "."
    if loaded >= limit and total > loaded:
        words += f" The first {short(loaded)} are listed; the command line exports all."
    if shown < loaded:
        words += f" {short(shown)} match the filter."
    return words


def document_lines(text: str, look: Look, width: int) -> str:
    """A document with its long lines folded at ``width`` cells; cut, and the cut named, when huge."""
    width = max(20, width)
    lines: list[str] = []
    for line in look.lines(text, 400_000).split("\n"):
        lines.extend(_fold(line, width))
        if len(lines) >= _LINES:
            lines[_LINES:] = ["", look.plain("… cut here; e writes the whole document to a file")]
            break
    if len(text) > 400_000 and len(lines) < _LINES:
        lines += ["", look.plain("… cut here; e writes the whole document to a file")]
    return "\n".join(lines)


def _fold(line: str, width: int) -> list[str]:
    if len(line) <= width and cell_len(line) <= width:
        return [line]
    out: list[str] = []
    current: list[str] = []
    used = 0
    indent = " " * min(len(line) - len(line.lstrip(" ")) + 2, width // 2)
    for char in line:
        cells = cell_len(char)
        if used + cells > width:
            out.append("".join(current))
            current, used = [indent], len(indent)
        current.append(char)
        used += cells
    out.append("".join(current))
    return out
