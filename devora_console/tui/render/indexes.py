"""The index doctor on a screen: a line per finding, the doubtful ones together, and each finding in depth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rich.text import Text

from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.indexes.advised import Advice
from devora_console.postgres.indexes.snapshot import Finding, IndexesSnapshot, Kind
from devora_console.tui.render.columns import Column, Row
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.numbers import plural, size, whole

COLUMNS = (
    Column("finding", "finding", 13, rank=0),
    Column("index", "index", 22, grows=True, rank=0),
    Column("table", "table", 16, rank=4),
    Column("size", "size", 8, right=True, rank=3),
    Column("why", "why", 19, grows=True, rank=1),
    Column("sure", "sure", 6, rank=2),
)
_WORDS = {
    Kind.MISSING_FK: "missing fk",
    Kind.RARELY_USED: "rarely used",
}
_ORDER = {kind: at for at, kind in enumerate(Kind)}
_SURE = {"yes": 0, "likely": 1, "no": 2}
ORDERS: Mapping[str, Callable[[Finding], tuple[str | int, ...]]] = {
    "finding": lambda finding: (_ORDER[finding.kind],),
    "size": lambda finding: (-_bytes(finding), _ORDER[finding.kind]),
    "table": lambda finding: (finding.table, _ORDER[finding.kind]),
    "sure": lambda finding: (_SURE.get(finding.sure, 3), _ORDER[finding.kind]),
}
_TOGETHER = frozenset({Kind.UNUSED, Kind.RARELY_USED, Kind.BLOATED, Kind.KEPT})
_NAMED = 200


def _bytes(finding: Finding) -> int:
    return 0 if isinstance(finding.size_bytes, Unknown) else finding.size_bytes


def _key(finding: Finding) -> str:
    return f"{finding.kind}\n{finding.schema}\n{finding.table}\n{finding.oid or finding.key}"


def grouped(findings: Sequence[Finding]) -> list[tuple[Finding, tuple[Finding, ...]]]:
    """Findings one by one, but what cannot be told of several, and what is kept, as one line with its members."""
    members: dict[Kind, list[Finding]] = {}
    for each in findings:
        if _doubtful(each):
            members.setdefault(each.kind, []).append(each)
    out: list[tuple[Finding, tuple[Finding, ...]]] = []
    for each in findings:
        mine = members.get(each.kind, ()) if _doubtful(each) else ()
        if len(mine) < 2:
            out.append((each, ()))
        elif each is mine[0]:
            out.append((_together(mine), tuple(mine)))
    return out


def _doubtful(finding: Finding) -> bool:
    return finding.kind in _TOGETHER and finding.verdict in (Verdict.UNKNOWN, Verdict.OK)


def _together(members: Sequence[Finding]) -> Finding:
    first = members[0]
    same = {each.confidence for each in members}
    reason = first.confidence.partition(": ")[2] if len(same) == 1 else "for several reasons: see each"
    if first.kind is Kind.KEPT:
        reason = "hardly scanned, but needed"
    noun = "index" if first.kind is Kind.KEPT else "candidate"
    return replace(
        first,
        schema="",
        index=plural(len(members), noun, "indexes" if noun == "index" else None),
        table="",
        oid=None,
        key="together",
        size_bytes=sum(_bytes(each) for each in members),
        reason=reason,
        remedy_sql="",
        notes=(),
        definition="",
    )


def title(finding: Finding) -> str:
    """The index as people write its name; for a missing one the foreign key or the table."""
    if finding.index:
        return finding.index if finding.schema in ("", "public") else f"{finding.schema}.{finding.index}"
    if finding.suggestion is not None:
        return f"({finding.table}: {finding.key})"
    return f"({finding.key if finding.kind is Kind.MISSING_FK else finding.table})"


def state(finding: Finding, look: Look) -> str:
    """Sign and word of a finding."""
    return look.state(finding.verdict, _WORDS.get(finding.kind, finding.kind.value))


def amount(finding: Finding) -> str:
    """The size, marked where it is estimated; a dash where there is none to speak of."""
    if isinstance(finding.size_bytes, Unknown):
        return "?"
    return ("≈" if finding.size_estimated else "") + size(finding.size_bytes)


def of_what(finding: Finding) -> str:
    """What the size is of, where there is no index: its table, or what a suggested one would take."""
    if finding.suggestion is not None:
        return "would take "
    return "" if finding.index else "table "


def rows(snapshot: IndexesSnapshot, look: Look, order: str, keep: str = "") -> list[Row]:
    """One row per finding that holds ``keep`` in any of its words; with a filter nothing is drawn together."""
    needle = keep.casefold()
    if needle:
        lines = [each for each in snapshot.findings if any(needle in word.casefold() for word in _words(each))]
    else:
        lines = [line for line, _ in grouped(snapshot.findings)]
    return [_row(each, look) for each in sorted(lines, key=ORDERS[order])]


def _words(finding: Finding) -> tuple[str, ...]:
    return finding.kind, _WORDS.get(finding.kind, ""), title(finding), finding.table, finding.reason, finding.sure


def _row(finding: Finding, look: Look) -> Row:
    style = look.style(finding.verdict)
    cells = {
        "finding": (state(finding, look), style),
        "index": (look.text(title(finding), 160), ""),
        "table": (look.text(finding.table, 160) or look.plain(NIL), ""),
        "size": (look.plain(amount(finding)), ""),
        "why": (look.text(finding.reason, 300), ""),
        "sure": (look.text(finding.sure, 20), look.muted if finding.sure == "no" else ""),
    }
    return Row(_key(finding), cells)


def headline(snapshot: IndexesSnapshot) -> str:
    """What is wrong, the worst first, in one sentence or two."""
    if isinstance(snapshot.count, Unknown):
        return f"The indexes could not be read: {snapshot.count.reason}."
    parts = [part for part in _parts(snapshot) if part]
    if compared := not_compared(snapshot):
        parts.insert(1, compared.rstrip("."))  # behind the worst: what follows may not fit
    if snapshot.unused_unknown and snapshot.count:
        parts.append(f'"unused" is unknown: {snapshot.unused_unknown}')
    if isinstance(snapshot.advice, Advice) and snapshot.advice.suggestions:
        number = len(snapshot.advice.suggestions)
        parts.append(("1 index is" if number == 1 else f"{whole(number)} indexes are") + " suggested, by estimate")
    of_all = f"{plural(snapshot.count, 'index', 'indexes')}, {size(snapshot.size_bytes)}"
    if not parts:
        return f"No finding: {of_all}." if snapshot.count else "There are no indexes in user schemas."
    words = "; ".join(parts)
    if not any(_parts(snapshot)):
        words = f"Nothing wrong that can be known: {of_all}; {words}"
    return f"{words[:1].upper()}{words[1:]}."


def not_compared(snapshot: IndexesSnapshot) -> str:
    """How many indexes could not be compared with others; empty if all could."""
    if not snapshot.not_compared:
        return ""
    return f"{plural(snapshot.not_compared, 'index', 'indexes')} could not be compared: see the notes."


def _parts(snapshot: IndexesSnapshot) -> list[str]:
    def count(kind: Kind, verdict: Verdict) -> tuple[int, str]:
        found = [each for each in snapshot.of(kind) if each.verdict is verdict]
        return len(found), size(sum(_bytes(each) for each in found))

    def said(found: tuple[int, str], one: str, many: str) -> str:
        number, total = found
        return (one if number == 1 else f"{whole(number)} {many}").format(total) if number else ""

    return [
        said(count(Kind.INVALID, Verdict.FAIL), "1 index is invalid", "indexes are invalid"),
        said(count(Kind.DUPLICATE, Verdict.WARN), "1 duplicate wastes {}", "duplicates waste {}"),
        said(
            count(Kind.PREFIX, Verdict.WARN),
            "1 index is a prefix of another and takes {}",
            "indexes are prefixes of others and take {}",
        ),
        said(count(Kind.MISSING_FK, Verdict.WARN), "1 foreign key has no index", "foreign keys have no index"),
        said(
            count(Kind.BLOATED, Verdict.WARN),
            "1 index is bloated by about {}",
            "indexes are bloated by about {}",
        ),
        said(count(Kind.UNUSED, Verdict.WARN), "1 unused index takes {}", "unused indexes take {}"),
        said(count(Kind.RARELY_USED, Verdict.WARN), "1 index is rarely used ({})", "indexes are rarely used ({})"),
        said(count(Kind.BUILDING, Verdict.RUNNING), "1 index is being built", "indexes are being built"),
        said(
            count(Kind.INVALID, Verdict.UNKNOWN),
            "1 index is not valid and may be being built",
            "indexes are not valid and may be being built",
        ),
        said(
            count(Kind.BLOATED, Verdict.UNKNOWN),
            "whether 1 index is bloated is unknown",
            "indexes may or may not be bloated",
        ),
    ]


def finding_of(snapshot: IndexesSnapshot, key: str) -> Finding | None:
    """The one finding of a line; None for a line that stands for several."""
    return next((each for each in snapshot.findings if _key(each) == key), None)


def detail(snapshot: IndexesSnapshot, key: str, look: Look) -> Text | None:
    """A finding in depth: how it was reached, how sure it is, and the SQL to copy."""
    for finding, members in grouped(snapshot.findings):
        if _key(finding) == key:
            return _group(finding, members, snapshot, look) if members else _one(finding, snapshot, look)
    found = finding_of(snapshot, key)
    return None if found is None else _one(found, snapshot, look)


def _one(finding: Finding, snapshot: IndexesSnapshot, look: Look) -> Text:
    out = Text(end="")
    out.append(look.text(title(finding)), style="bold")
    out.append("\n" + state(finding, look), style=look.style(finding.verdict))
    out.append(f"  on {look.text(finding.table)}" if finding.table else "")
    words = of_what(finding) if finding.suggestion is not None else f"{of_what(finding)}size "
    out.append(f"\n{words}{look.plain(amount(finding))}")
    if isinstance(finding.size_bytes, Unknown):
        out.append(f" ({look.text(finding.size_bytes.reason)})", style=look.muted)
    _section(out, "why", look.lines(finding.reason, 2_000))
    _section(out, "sure", look.lines(finding.confidence, 1_000))
    _section(out, "notes", "\n".join(look.lines(note, 1_000) for note in finding.notes))
    _section(out, "SQL", look.lines(finding.remedy_sql, 20_000))
    if "DROP INDEX" in finding.remedy_sql:
        _section(out, "to have it again", look.lines(finding.definition, 4_000))
    _section(out, "statistics", window_words(snapshot))
    return out


def _group(finding: Finding, members: Sequence[Finding], snapshot: IndexesSnapshot, look: Look) -> Text:
    out = Text(end="")
    out.append(look.text(finding.index), style="bold")
    out.append("\n" + state(finding, look), style=look.style(finding.verdict))
    out.append(f"  {look.text(finding.reason, 400)}\n")
    for each in members[:_NAMED]:
        out.append(f"\n{look.plain(amount(each)):>9}  {look.text(title(each), 120)} on {look.text(each.table, 80)}")
        out.append(f"\n           {look.text(each.reason, 300)}", style=look.muted)
    if len(members) > _NAMED:
        out.append(look.plain(f"\n\n… and {plural(len(members) - _NAMED, 'more', 'more')}; a filter finds them"))
    _section(out, "statistics", window_words(snapshot))
    return out


def window_words(snapshot: IndexesSnapshot) -> str:
    """Since when scans are counted."""
    since = snapshot.counted_since
    if isinstance(since, Unknown):
        return f"since when scans are counted is unknown: {since.reason}"
    return f"scans counted for {span(max(0.0, (snapshot.as_of - since).total_seconds()))}, since {iso(since)[:19]}Z"


def _section(out: Text, heading: str, words: str) -> None:
    if words.strip():
        out.append(f"\n\n{heading}\n", style="bold")
        out.append(words)
