"""The health of a database as text for people: the headline, then section by section."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from devora_console.cli.tables import plain_table
from devora_console.core.console import Verdict
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.buffers import BufferedRelation
from devora_console.postgres.health.cache import CachePart, IoKind
from devora_console.postgres.health.guide import GuideQuery
from devora_console.postgres.health.headline import headline
from devora_console.postgres.health.measure import Measured
from devora_console.postgres.health.snapshot import HealthLine, HealthSnapshot
from devora_console.postgres.health.words import count, percent, size

_SIGNS = {
    Verdict.OK: "✓ ok",
    Verdict.WARN: "! warn",
    Verdict.FAIL: "✗ fail",
    Verdict.UNKNOWN: "? unknown",
    Verdict.RUNNING: "… running",
    Verdict.NONE: "·",
}
_STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow", Verdict.UNKNOWN: "dim", Verdict.NONE: "dim"}
_INDENT = 11
_WIDEST = 100


@dataclass(frozen=True, slots=True)
class Findings:
    """What ``health`` found: the sections, and what was asked for beside them (None when it was not)."""

    health: HealthSnapshot
    measured: Measured | Unknown | None
    buffers: tuple[BufferedRelation, ...] | Unknown | None
    guide: tuple[GuideQuery, ...] | None

    @property
    def extras(self) -> dict[str, object]:
        """JSON keys of what was asked for beside the sections."""
        beside = {"measured": self.measured, "buffers": self.buffers, "guide": self.guide}
        return {key: value for key, value in beside.items() if value is not None}


def print_health(out: Console, found: Findings, *, why: bool) -> None:
    """Everything that was asked for; the headline first."""
    width = min(out.width, _WIDEST)
    if found.health.parts:
        _wrapped(out, headline(found.health), 0, width)
        for section in found.health.parts:
            _section(out, section, found.health, width, why)
    if isinstance(found.measured, Measured):
        _measured(out, found.measured, width)
    if found.buffers is not None:
        _buffers(out, found.buffers, width)
    for query in found.guide or ():
        _guide(out, query, width)


def _section(out: Console, section: str, health: HealthSnapshot, width: int, why: bool) -> None:
    out.print()
    out.print(Text(section, style="bold"))
    told = {""}
    for line in health.lines:
        if line.section == section:
            _line(out, line, width, why, told)
    part = health.parts[section]
    if isinstance(part, CachePart) and not isinstance(part.stat_io, Unknown) and part.stat_io:
        _stat_io(out, part.stat_io)


def _line(out: Console, line: HealthLine, width: int, why: bool, told: set[str]) -> None:
    """One finding. Reasons, remedies and SQL that were ``told`` in this section already are not repeated."""
    sign = Text(f"{_SIGNS.get(line.verdict, line.verdict.value):<{_INDENT}}", style=_STYLES.get(line.verdict, ""))
    folded = _fold(f"{line.title}: {line.text}", width - _INDENT)
    out.print(sign + Text(folded[0]))
    for more in folded[1:]:
        out.print(Text(" " * _INDENT + more))
    bad = line.verdict in (Verdict.WARN, Verdict.FAIL)
    if line.why not in told and (why or bad):
        _wrapped(out, line.why, _INDENT + 2, width, "dim")
    if line.remedy not in told and (bad or line.verdict is Verdict.UNKNOWN):
        _wrapped(out, f"→ {line.remedy}", _INDENT + 2, width)
    if line.sql not in told and (why or bad):
        _verbatim(out, line.sql, _INDENT + 4)
    told |= {line.why, line.remedy, line.sql}


def _stat_io(out: Console, kinds: Sequence[IoKind]) -> None:
    out.print()
    out.print(Text("Reads by kind of process, whole server (pg_stat_io):", style="dim"))
    rows = []
    for each in kinds[:8]:
        hits, reads = each.hits or 0, each.reads or 0
        rows.append(
            (
                each.backend_type,
                each.object,
                each.context,
                count(reads) if each.reads is not None else "–",
                size(each.read_bytes) if each.read_bytes is not None else "–",
                percent(hits, hits + reads) if each.hits is not None else "–",
            )
        )
    out.print(plain_table(("process", "object", "context", "reads", "read", "hit"), rows, right=(3, 4, 5)))


def _measured(out: Console, found: Measured, width: int) -> None:
    out.print()
    out.print(Text(f"{one_line(found.schema)}.{one_line(found.name)} measured by pgstattuple_approx", style="bold"))
    text = (
        f"{size(found.bytes)}: {size(found.live)} in {count(found.rows)} rows, {size(found.dead)} "
        f"({percent(found.dead, found.bytes)}) in {count(found.dead_rows)} dead rows, {size(found.free)} "
        f"({percent(found.free, found.bytes)}) free. "
        "Free space includes what the fill factor keeps and what is left over beside wide rows."
    )
    if found.scanned_percent < 100:
        text += f" {found.scanned_percent:.0f} % of its pages were read; of the others the free space map was believed."
    _wrapped(out, text, 0, width)


def _buffers(out: Console, found: Sequence[BufferedRelation] | Unknown, width: int) -> None:
    out.print()
    if isinstance(found, Unknown):
        _wrapped(out, f"? shared buffers: {found.reason}", 0, width)
        if found.remedy:
            _wrapped(out, f"→ {found.remedy}", 2, width)
        return
    rows = [
        (f"{each.schema}.{each.name}" if each.name else each.of, size(each.bytes), size(each.dirty)) for each in found
    ]
    out.print(plain_table(("shared buffers hold", "bytes", "dirty"), rows, right=(1, 2)))


def _guide(out: Console, query: GuideQuery, width: int) -> None:
    out.print()
    out.print(Text(query.title, style="bold"))
    _wrapped(out, query.note, 0, width)
    _verbatim(out, query.mended, 4)
    if isinstance(query.rows, Unknown):
        _wrapped(out, f"? {query.rows.reason}", 0, width)
        return
    if not query.rows:
        out.print(Text("no rows"))
        return
    names = tuple(query.rows[0])
    cells = [tuple("–" if row[name] is None else str(row[name]) for name in names) for row in query.rows]
    out.print(plain_table(names, cells))


def _wrapped(out: Console, words: str, indent: int, width: int, style: str = "") -> None:
    for line in _fold(words, max(20, width - indent)):
        out.print(Text(" " * indent + line, style=style))


def _fold(words: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(words, 2_000), width, break_on_hyphens=False) or [""]


def _verbatim(out: Console, sql: str, indent: int) -> None:
    for line in safe(sql).splitlines():
        out.print(Text(" " * indent + line))
