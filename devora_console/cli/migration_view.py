"""A migration's snapshots as JSON keys and as text for people; the guide's own tables, and what it left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from devora_console.cli.tables import number, plain_table
from devora_console.core.clock import span
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import (
    CollectionProgress,
    CollectionState,
    Kind,
    MigrationSnapshot,
    Phase,
    QuarantineItem,
    State,
    TableVerdict,
    VerificationSnapshot,
)

_SHOWN = 10


def migration_keys(snapshot: MigrationSnapshot) -> dict[str, object]:
    """The JSON keys of ``migrate``."""
    rows = rows_in_place(snapshot)
    return {
        "run": snapshot.run,
        "kind": snapshot.kind,
        "state": snapshot.state,
        "mapping": {"name": snapshot.mapping, "hash": snapshot.mapping_hash},
        "source": snapshot.source,
        "target": snapshot.target,
        "collections": [_collection(each) for each in snapshot.collections],
        "rows": rows,
        "rows_per_second": round(rows / snapshot.seconds, 1) if snapshot.seconds > 0 else None,
        "seconds": round(snapshot.seconds, 3),
        "phases": snapshot.phases,
        "conversions": snapshot.conversions,
        "quarantine_rules": snapshot.quarantine_rules,
        "quarantine": snapshot.quarantine,
        "extra": snapshot.extra,
        "pruned": snapshot.pruned,
    }


def rows_in_place(snapshot: MigrationSnapshot) -> int:
    """Rows of a finished run (a dry run: that an execution will have); of one that ended early, those it got to."""
    if snapshot.state is State.DONE or snapshot.kind is not Kind.EXECUTE:
        return sum(sum(each.rows.values()) for each in snapshot.collections)
    return snapshot.rows_done if snapshot.phase is Phase.WRITE else 0


def _collection(each: CollectionProgress) -> dict[str, object]:
    return {
        "name": each.name,
        "policy": each.policy,
        "documents": each.total,
        "migrated": each.migrated,
        "quarantined": each.quarantined,
        "archived": each.archived,
        "ignored": each.ignored,
        "written": each.written,
        "unchanged": each.unchanged,
        "tables": each.rows,
        "conversions": each.conversions,
        "seconds": round(each.seconds, 3),
    }


def verification_keys(verdict: VerificationSnapshot) -> dict[str, object]:
    """The JSON keys of ``verify``."""
    return {
        "level": verdict.level,
        "verified": verdict.ok,
        "tables": verdict.tables,
        "differences": verdict.differences,
        "orphans": verdict.orphans,
        "sampled": verdict.sampled,
        "sample_differences": verdict.sample_differences,
        "watermark": verdict.watermark,
        "mapping_hash": verdict.mapping_hash,
        "seconds": round(verdict.seconds, 3),
    }


def print_migration(out: Console, snapshot: MigrationSnapshot, *, quarantine: bool = True) -> None:
    """What a dry run would do, or what an execution did; the quarantined documents by name if wanted."""
    dry = snapshot.kind is Kind.DRY_RUN
    for each in snapshot.collections:
        if each.policy != "map" or (not dry and each.state is not CollectionState.DONE):
            continue  # with --only the others are surveyed and not written
        line = _dry(each) if dry else _done(each)
        out.print(Text(one_line(line, 200)))
        for table, rows in list(each.rows.items())[1:]:
            out.print(
                Text(f"[DRY RUN] Would migrate {rows} {table}" if dry else f"Migrated {rows} {table}"),
            )
    archived = {
        each.name: each.archived
        for each in snapshot.collections
        if each.archived and (dry or each.state is CollectionState.DONE)
    }
    if archived:
        words = ", ".join(f"{one_line(name, 40)} {count}" for name, count in archived.items())
        start = "[DRY RUN] Would archive" if dry else "Archived"
        out.print(Text(f"{start} {sum(archived.values())} documents without a table: {words}"))
    ignored = sum(each.ignored for each in snapshot.collections)
    if ignored:
        out.print(Text(f"Ignored {ignored} documents, as the mapping says"))
    conversions: Counter[str] = Counter()
    for each in snapshot.collections:
        if dry or each.state is CollectionState.DONE:
            conversions.update(each.conversions)
    _print_rules(out, "Conversions", dict(conversions.most_common()))
    if quarantine:
        print_quarantine(out, snapshot.quarantine_rules, snapshot.quarantine)
    if snapshot.extra:
        words = ", ".join(f"{one_line(name, 40)} {count}" for name, count in snapshot.extra.items())
        out.print(Text(f"! no longer in the source, left in the target (remove with --prune): {words}"))
    if snapshot.pruned:
        out.print(Text(f"Pruned {snapshot.pruned} documents that the source no longer has"))


def _dry(each: CollectionProgress) -> str:
    rest = f" of {each.total} ({each.quarantined} to quarantine)" if each.quarantined else ""
    return f"[DRY RUN] Would migrate {each.migrated} {each.name}{rest}"


def _done(each: CollectionProgress) -> str:
    notes = [
        f"{count} {word}"
        for count, word in (
            (each.quarantined, "in quarantine"),
            (each.unchanged, "unchanged"),
            (each.written, "written"),
        )
        if count
    ]
    return f"Migrated {each.migrated}/{each.total} {each.name}" + (f" ({', '.join(notes)})" if notes else "")


def _print_rules(out: Console, title: str, rules: Mapping[str, int]) -> None:
    if rules:
        words = " · ".join(f"{one_line(rule, 40)} {number(count)}" for rule, count in rules.items())
        out.print(Text(f"{title}: {words}"))


def print_quarantine(out: Console, rules: Mapping[str, int], items: tuple[QuarantineItem, ...]) -> None:
    """How many documents under which rule, and the first few by name."""
    if not rules:
        return
    out.print()
    _print_rules(out, f"Quarantine, {sum(rules.values())} documents", rules)
    rows = [(each.collection, each.source_id, each.rule, each.path, each.message) for each in items[:_SHOWN]]
    out.print(plain_table(("collection", "_id", "rule", "path", "why"), rows))
    left = sum(rules.values()) - len(rows)
    if left > 0:
        out.print(Text(f"… and {left} more: devora-console quarantine list"))


def print_verification(out: Console, verdict: VerificationSnapshot) -> None:
    """The guide's table, with what is accounted for elsewhere, and every difference by name."""
    out.print(Text("=== Migration Verification ==="))
    rows = [_verdict(each) for each in verdict.tables]
    headers = ("Table", "MongoDB", "PostgreSQL", "Accounted", "Missing", "Extra", "Different", "Status")
    out.print(plain_table(headers, rows, right=(1, 2, 3, 4, 5, 6)))
    out.print()
    before = {each.name: each.count for each in verdict.orphans if each.where == "source"}
    after = {each.name: each.count for each in verdict.orphans if each.where == "target"}
    out.print(Text("Orphaned in MongoDB: " + ", ".join(f"{name} {count}" for name, count in before.items())))
    for name, count in after.items():
        out.print(Text(f"Orphaned {name}: {count}"))
    for each in verdict.differences[:50]:
        where = f" (document {each.collection} {each.source_id})" if each.source_id else ""
        what = f": {each.column} is {each.target_value}, expected {each.source_value}" if each.column else ""
        out.print(Text(one_line(f"✗ {each.kind} {each.table} {each.pk}{where}{what}", 400)))
    if len(verdict.differences) > 50:
        out.print(Text(f"… and {len(verdict.differences) - 50} more (--json lists them)"))
    sampled = f", {verdict.sampled} documents compared field by field" if verdict.sampled else ""
    took = span(verdict.seconds)
    out.print(
        Text(
            f"✓ verified ({verdict.level}{sampled}) in {took}"
            if verdict.ok
            else f"✗ source and target differ ({verdict.level}{sampled}) in {took}"
        )
    )


def _verdict(each: TableVerdict) -> tuple[str, ...]:
    signs = {"ok": "✓ ok", "mismatch": "✗ mismatch", "unknown": "? unknown"}
    numbers = (each.source, each.target, each.accounted, each.missing, each.extra, each.different)
    reason = f" {each.reason}" if each.reason else ""
    return (each.name, *map(str, numbers), signs[each.status] + reason)


def progress_line(snapshot: MigrationSnapshot) -> str:
    """One line for a terminal that shows progress: phase, part done, rate, time left."""
    unit = "documents" if snapshot.phase is Phase.SURVEY else "rows"
    total = snapshot.rows_total
    part = "" if isinstance(total, Unknown) or not total else f" {100 * snapshot.rows_done // max(total, 1)} %"
    rate = snapshot.rows_per_second
    speed = "" if isinstance(rate, Unknown) else f" · {number(round(rate))} {unit}/s"
    eta = snapshot.eta_seconds
    left = "" if isinstance(eta, Unknown) else f" · about {span(eta)} left"
    waiting = f" · {snapshot.waiting_for}" if snapshot.waiting_for else ""
    return f"{snapshot.phase or snapshot.state}{part} · {number(snapshot.rows_done)} {unit}{speed}{left}{waiting}"
