"""One thing in depth: the pane at the right of a wide terminal, and the answer to ``?``."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from devora_console.core.clock import iso
from devora_console.core.console import OverviewLine
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import (
    CollectionProgress,
    Difference,
    MigrationSnapshot,
    QuarantineItem,
    TableVerdict,
)
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.migration import collection_state, table_verdict
from devora_console.tui.render.numbers import short, whole


def overview_detail(line: OverviewLine, look: Look) -> Text:
    """How the verdict was reached and what would better it."""
    out = Text(end="")
    out.append(look.text(line.title), style="bold")
    out.append("\n" + look.state(line.verdict), style=look.style(line.verdict))
    out.append("  " + look.lines(line.text, 2_000))
    _section(out, "why", look.lines(line.why, 4_000))
    _section(out, "remedy", look.lines(line.remedy, 2_000))
    return out


def collection_detail(collection: CollectionProgress, snapshot: MigrationSnapshot, look: Look, width: int = 38) -> Text:
    """Every figure of one collection, with what it counts."""
    verdict, word = collection_state(collection, snapshot)
    out = Text(end="")
    out.append(look.fit(look.text(collection.name), width), style="bold")
    out.append("\n" + look.state(verdict, word), style=look.style(verdict))
    out.append(f"  policy {look.text(collection.policy, 20)}")
    if isinstance(collection.total, Unknown):
        out.append(f"\ntotal ? {look.text(collection.total.reason)}", style=look.muted)
    fates = {
        "in the source": collection.total,
        "surveyed": collection.surveyed,
        "written": collection.written,
        "unchanged": collection.unchanged,
        "migrated": collection.migrated,
        "quarantined": collection.quarantined,
        "archived": collection.archived,
        "ignored": collection.ignored,
        "vanished": snapshot.extra.get(collection.name, 0),
    }
    _figures(out, "documents", {name: n for name, n in fates.items() if n}, look, width)
    _figures(out, "rows by table", collection.rows, look, width)
    _figures(out, "conversions", collection.conversions, look, width)
    return out


def table_detail(table: TableVerdict, snapshot: MigrationSnapshot, look: Look, width: int = 38) -> Text:
    """One table of the verification with the first rows that differ."""
    verdict = table_verdict(table)
    out = Text(end="")
    out.append(look.fit(look.text(table.name), width), style="bold")
    out.append("\n" + look.state(verdict, look.text(table.status, 20)), style=look.style(verdict))
    if table.reason:
        out.append("  " + look.lines(table.reason, 1_000))
    figures = {
        "source rows": table.source,
        "target rows": table.target,
        "of quarantined documents": table.accounted,
        "missing in the target": table.missing,
        "extra in the target": table.extra,
        "different": table.different,
    }
    _figures(out, "rows", figures, look, width)
    found = snapshot.verification.differences if snapshot.verification else ()
    mine = [difference for difference in found if difference.table == table.name][:20]
    _section(out, "first differences", "\n".join(_difference(difference, look) for difference in mine))
    return out


def _difference(found: Difference, look: Look) -> str:
    words = f"{look.text(found.kind, 20)} {look.text(found.pk, 60)}"
    if found.collection or found.source_id:
        words += f"\n  {look.text(found.collection or '', 60)} {look.text(found.source_id or '', 60)}"
    if found.column:
        values = f"{look.text(found.source_value or NIL, 60)} → {look.text(found.target_value or NIL, 60)}"
        words += f"\n  {look.text(found.column, 60)}: {look.plain(values)}"
    return words


def quarantine_detail(item: QuarantineItem, look: Look) -> Text:
    """Why one document was refused, in full."""
    out = Text(end="")
    out.append(f"{look.text(item.collection, 80)} {look.text(item.source_id, 120)}", style="bold")
    _section(out, "message", look.lines(item.message, 4_000))
    facts = {
        "rule": item.rule,
        "path": item.path,
        "constraint": item.constraint or "",
        "sqlstate": item.sqlstate or "",
        "attempts": str(item.attempts),
        "first seen": iso(item.first_seen.replace(microsecond=0)) if item.first_seen else "",
        "last seen": iso(item.last_seen.replace(microsecond=0)) if item.last_seen else "",
        "waived because": item.reason or "",
    }
    _section(out, "facts", "\n".join(f"{name}: {look.text(value, 300)}" for name, value in facts.items() if value))
    return out


def shortened(detail: Text, lines: int, look: Look) -> Text:
    """The first ``lines`` lines; the last of them says so when there are more.

    >>> shortened(Text("one\\ntwo\\nthree"), 2, Look()).plain
    'one\\nmore: press ?'
    """
    found = detail.split("\n", allow_blank=True)
    if len(found) <= lines:
        return detail
    kept = [*found[: lines - 1], Text("more: press ?", style=look.muted)]
    return Text("\n", end="").join(kept)


def _section(out: Text, title: str, words: str) -> None:
    if words:
        out.append(f"\n\n{title}\n", style="bold")
        out.append(words)


def _figures(out: Text, title: str, figures: Mapping[str, int | Unknown], look: Look, width: int) -> None:
    if not figures:
        return
    out.append(f"\n\n{title}", style="bold")
    for name, number in sorted(figures.items(), key=_biggest) if title == "conversions" else figures.items():
        shown = look.plain(short(number) if title == "conversions" else whole(number))
        label = look.pad(look.text(name, 80), max(4, width - len(shown) - 1)).plain
        out.append(f"\n{label} {shown}")


def _biggest(item: tuple[str, int | Unknown]) -> int:
    return 0 if isinstance(item[1], Unknown) else -item[1]
