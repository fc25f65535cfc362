"""The Migration screen's tables and lines, from its snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.text import Text

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import (
    CollectionProgress,
    CollectionState,
    Kind,
    MigrationSnapshot,
    Phase,
    State,
    TableVerdict,
)
from devora_console.tui.render.columns import Cell, Column, Row
from devora_console.tui.render.headline import current_verification
from devora_console.tui.render.look import NIL, Look
from devora_console.tui.render.numbers import figure, plural, share, short, whole

COLLECTION_COLUMNS = (
    Column("name", "collection", 14, grows=True),
    Column("documents", "documents", 13, right=True, rank=1),
    Column("rows", "rows", 9, right=True, rank=2),
    Column("rate", "surv./s", 7, right=True, rank=4),
    Column("quarantined", "quar.", 5, right=True, rank=3),
    Column("state", "state", 17, rank=0),
)
TABLE_COLUMNS = (
    Column("name", "table", 16, grows=True),
    Column("source", "source", 9, right=True, rank=2),
    Column("target", "target", 9, right=True, rank=3),
    Column("accounted", "acc.", 5, right=True, rank=7),
    Column("status", "status", 10, rank=1),
    Column("missing", "miss.", 5, right=True, rank=4),
    Column("extra", "extra", 5, right=True, rank=5),
    Column("different", "diff.", 5, right=True, rank=6),
)

_STATE_WORDS: dict[CollectionState, tuple[Verdict, str]] = {
    CollectionState.WAITING: (Verdict.NONE, "waiting"),
    CollectionState.SURVEYING: (Verdict.RUNNING, "surveying"),
    CollectionState.SURVEYED: (Verdict.OK, "surveyed"),
    CollectionState.WRITING: (Verdict.RUNNING, "writing"),
    CollectionState.DONE: (Verdict.OK, "copied"),
    CollectionState.FAILED: (Verdict.FAIL, "failed"),
}
_ENDED = {State.FAILED: (Verdict.FAIL, "failed"), State.STOPPED: (Verdict.WARN, "stopped")}
_DONE_WORDS = {"archive": "archived", "ignore": "ignored"}

ORDERS: Mapping[str, Callable[[Sequence[CollectionProgress]], list[CollectionProgress]]] = {
    "mapping": list,
    "name": lambda found: sorted(found, key=lambda c: c.name),
    "documents": lambda found: sorted(found, key=lambda c: -_number(c.total)),
    "rows": lambda found: sorted(found, key=lambda c: -sum(c.rows.values())),
    "quarantined": lambda found: sorted(found, key=lambda c: -c.quarantined),
}


def _number(value: int | Unknown) -> int:
    return -1 if isinstance(value, Unknown) else value


def documents_through(collection: CollectionProgress, snapshot: MigrationSnapshot) -> int:
    """Documents through the phase the collection is in, or in which the run ended."""
    broken = collection.state is CollectionState.FAILED and snapshot.phase is Phase.WRITE
    if collection.state is CollectionState.WRITING or broken:
        return collection.written + collection.unchanged
    return max(collection.surveyed, collection.written)


def collection_state(collection: CollectionProgress, snapshot: MigrationSnapshot) -> tuple[Verdict, str]:
    """The state of one collection as a verdict and a word."""
    verdict, word = _STATE_WORDS[collection.state]
    if collection.state is CollectionState.DONE:
        word = _DONE_WORDS.get(collection.policy, "converted" if snapshot.kind is Kind.DRY_RUN else word)
    if verdict in (Verdict.RUNNING, Verdict.FAIL) and snapshot.state in _ENDED:
        return _ENDED[snapshot.state]
    if verdict is Verdict.RUNNING:
        if snapshot.state is State.PAUSED:
            return Verdict.PAUSED, "paused"
        # What is refused is not written: it is no part of what there is to do.
        writing = collection.state is CollectionState.WRITING and collection.migrated
        word += f" {share(documents_through(collection, snapshot), writing or collection.total)}"
    return verdict, word


def collection_rows(snapshot: MigrationSnapshot, look: Look, order: str = "mapping", keep: str = "") -> list[Row]:
    """One row per collection whose name holds ``keep``, in the chosen order."""
    found = ORDERS[order](snapshot.collections)
    needle = keep.casefold()
    return [_collection_row(c, snapshot, look) for c in found if needle in c.name.casefold()]


def _collection_row(collection: CollectionProgress, snapshot: MigrationSnapshot, look: Look) -> Row:
    verdict, word = collection_state(collection, snapshot)
    through = documents_through(collection, snapshot)
    started = collection.state is not CollectionState.WAITING
    rows = sum(collection.rows.values())
    # The time a collection takes is known of its survey alone: afterwards many are worked on side by side.
    rate = short(collection.surveyed / collection.seconds) if collection.surveyed and collection.seconds > 0 else NIL
    cells: dict[str, Cell] = {
        "name": (look.text(collection.name), ""),
        "documents": (f"{figure(through, 6) if started else NIL}/{figure(collection.total, 6)}", ""),
        "rows": (figure(rows, 9) if rows else NIL, ""),
        "rate": (rate, ""),
        "quarantined": (figure(collection.quarantined, 5) if collection.quarantined else NIL, ""),
        "state": (look.state(verdict, word), look.style(verdict)),
    }
    if collection.quarantined:
        cells["quarantined"] = (cells["quarantined"][0], look.warn)
    return Row(collection.name, {key: (look.plain(words), style) for key, (words, style) in cells.items()})


def table_rows(snapshot: MigrationSnapshot, look: Look, keep: str = "") -> list[Row]:
    """One row per table of the verification; none when there is no verification."""
    if snapshot.verification is None:
        return []
    needle = keep.casefold()
    return [_table_row(t, look) for t in snapshot.verification.tables if needle in t.name.casefold()]


def table_verdict(table: TableVerdict) -> Verdict:
    """The sign a verification status carries."""
    return {"ok": Verdict.OK, "mismatch": Verdict.FAIL}.get(table.status, Verdict.UNKNOWN)


def _table_row(table: TableVerdict, look: Look) -> Row:
    verdict = table_verdict(table)

    def count(number: int) -> Cell:
        return (look.plain(figure(number, 5)), look.fail) if number else (look.plain(NIL), "")

    status: Cell = (look.state(verdict, look.text(table.status, 20)), look.style(verdict))
    cells: dict[str, Cell] = {
        "name": (look.text(table.name), ""),
        "source": (look.plain(figure(table.source, 9)), ""),
        "target": (look.plain(figure(table.target, 9)), ""),
        "accounted": (look.plain(figure(table.accounted, 5) if table.accounted else NIL), ""),
        "status": status,
        "missing": count(table.missing),
        "extra": count(table.extra),
        "different": count(table.different),
    }
    return Row(table.name, cells)


def conversions_line(snapshot: MigrationSnapshot, width: int, look: Look) -> str:
    """The conversions applied, most frequent first, as many as fit; how many more there are."""
    if not snapshot.conversions:
        return ""
    ranked = sorted(snapshot.conversions.items(), key=lambda item: (-item[1], item[0]))
    line = " conversions  "
    for index, (rule, count) in enumerate(ranked):
        part = ("" if index == 0 else look.plain(" · ")) + f"{look.text(rule, 40)} {look.plain(short(count))}"
        rest = len(ranked) - index - 1
        tail = look.plain(f" · {rest} more") if rest else ""
        if index and len(line) + len(part) + len(tail) > width:
            return look.fit(line + look.plain(f" · {rest + 1} more"), width)
        line += part
    return look.fit(line, width)


def verification_line(snapshot: MigrationSnapshot, width: int, look: Look) -> Text:
    """The verdict on source against target, and as many facts as fit; empty before a copy has ended."""
    found = snapshot.verification
    line = Text(" verification ", no_wrap=True, end="")
    if found is None:
        if snapshot.kind is not Kind.EXECUTE or snapshot.state is not State.DONE:
            return Text("", end="")  # before the end there is nothing to compare
        line.append(look.plain(" not yet"), style=look.muted)
        return line
    verdict = Verdict.OK if found.ok else Verdict.FAIL
    word = "ok" if found.ok else "mismatch"
    if current_verification(snapshot) is None:
        verdict, word = Verdict.STALE, "stale, the copy is newer"
    good = sum(table.status == "ok" for table in found.tables)
    if word == "mismatch" and all(table.status != "mismatch" for table in found.tables):
        verdict, word = Verdict.UNKNOWN, "unknown"
    orphans = sum(entry.count for entry in found.orphans if entry.where == "target")
    facts = [
        f"{good} of {plural(len(found.tables), 'table')}",
        f"by {look.text(found.level, 20)}",
        f"{plural(found.sampled, 'sample')}, {whole(found.sample_differences)} different",
        plural(orphans, "orphan"),
        f"{found.at:%H:%M:%SZ}" if found.at.date() == snapshot.as_of.date() else f"{found.at:%Y-%m-%d %H:%MZ}",
    ]
    line.append(" " + look.state(verdict, word), style=look.style(verdict))
    lead = "  "
    for fact in facts:
        if line.cell_len + len(lead) + len(fact) > width:
            break
        line.append(look.plain(lead + fact))
        lead = " · "
    return line
