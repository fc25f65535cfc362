"""Backups as text for people and as JSON keys for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from devora_console.backup.model import Content, Finding, Judgement, Kind, Level, Manifest
from devora_console.backup.restore import Restored
from devora_console.backup.shelf import Entry, megabytes
from devora_console.cli.tables import number, plain_table
from devora_console.core.clock import iso, span, utc_now
from devora_console.core.safetext import safe

_MOST_ROWS = 40


def manifest_keys(path: Path, manifest: Manifest) -> dict[str, object]:
    """What ``backup mongo``, ``postgres`` and ``adopt`` answer."""
    return {
        "path": path.resolve(),
        "kind": manifest.kind,
        "form": manifest.form,
        "level": manifest.level,
        "counts": _counts(manifest.contents),
        "sha256": manifest.sha256,
        "verdict": Finding.OK,
        "reason": _reached(manifest),
        "age_seconds": _age(manifest),
        "taken": manifest.started,
        "database": manifest.database,
        "server": manifest.label,
        "tool": f"{manifest.tool} {manifest.tool_version}",
        "bytes": manifest.bytes,
        "adopted": manifest.adopted,
        "notes": manifest.notes,
    }


def verdict_keys(found: Judgement) -> dict[str, object]:
    """What ``backup verify`` answers."""
    manifest = found.manifest
    return {
        **(manifest_keys(found.path, manifest) if manifest else {"path": found.path}),
        "asked": found.asked,
        "level": found.level,
        "counts": found.counts,
        "verdict": found.finding,
        "reason": found.reason,
        "age_seconds": found.age_seconds,
        "compared_with": found.compared_with,
        "differences": found.differences,
        "notes": found.notes,
    }


def restored_keys(found: Restored) -> dict[str, object]:
    """What ``backup restore`` answers."""
    keys = manifest_keys(found.path, found.manifest)
    verdict = Finding.OK if found.ok else Finding.DIFFERS
    return {
        **keys,
        "into": found.database,
        "level": Level.RESTORED if found.ok else Level.COMPLETE,
        "counts": _counts(found.contents),
        "verdict": verdict,
        "reason": f"restored into {found.database} and compared: {found.compared}",
        "differences": found.differences,
    }


def list_keys(shelf: Path, found: Sequence[Entry], unfinished: Sequence[Path]) -> dict[str, object]:
    """What ``backup list`` answers."""
    return {
        "folder": shelf,
        "backups": [
            manifest_keys(each.path, each.manifest)
            if each.manifest
            else {"path": each.path, "verdict": Finding.UNREADABLE, "reason": str(each.problem)}
            for each in found
        ],
        "unfinished": unfinished,
    }


def print_taken(out: Console, path: Path, manifest: Manifest) -> None:
    """A backup that was taken or adopted."""
    _head(out, path, manifest)
    _contents(out, manifest.kind, {each.name: each.count for each in manifest.contents})
    verb = "adopted" if manifest.adopted else "taken"
    _line(out, f"✓ {verb}: {_reached(manifest)}")
    _notes(out, manifest.notes)
    higher = Level.RESTORED if manifest.kind is Kind.POSTGRES else Level.COUNTS
    _line(out, f"  Next: devora-console backup verify --level {higher} {path}")


def print_judgement(out: Console, found: Judgement) -> None:
    """What was found of a backup."""
    if found.manifest:
        _head(out, found.path, found.manifest)
        if found.level.rank >= Level.COMPLETE.rank:
            _contents(out, found.manifest.kind, found.counts)
    _line(out, f"level asked for: {found.asked}; reached: {found.level}")
    if found.ok:
        _line(out, f"✓ {found.reason}")
    else:
        _line(out, f"✗ {found.finding.replace('_', ' ')}")  # the reason follows, with its remedy
    _notes(out, found.notes)


def print_restored(out: Console, found: Restored) -> None:
    """A restored backup."""
    _head(out, found.path, found.manifest)
    _contents(out, found.manifest.kind, _counts(found.contents))
    sign = "✓" if found.ok else "✗"
    verdict = "what was compared agrees" if found.ok else f"{len(found.differences)} comparisons do not agree"
    _line(out, f"{sign} restored into {found.database}; compared: {found.compared}; {verdict}")
    if found.ok and found.manifest.kind is Kind.POSTGRES:
        _line(out, "  Statistics may be missing: ANALYZE it before it is used (devora-console act analyze --database).")


def print_list(out: Console, shelf: Path, found: Sequence[Entry], unfinished: Sequence[Path]) -> None:
    """The backups there are."""
    _line(out, f"backups in {shelf}")
    rows = [_row(shelf, each) for each in found]
    if rows:
        out.print(plain_table(["backup", "of", "taken", "age", "size", "level"], rows, right=(3, 4)))
    else:
        _line(out, "  none: devora-console backup mongo, devora-console backup postgres")
    for path in unfinished:
        _line(
            out, f"! {path.name} is not finished: it is no backup. The next one of its kind removes what was given up"
        )


def _row(shelf: Path, entry: Entry) -> tuple[str, ...]:
    name = entry.path.name if entry.path.parent == shelf.resolve() else str(entry.path)
    manifest = entry.manifest
    if manifest is None:
        return (name, "?", "?", "?", "?", f"unreadable: {entry.problem}")
    level = f"{manifest.level}, adopted" if manifest.adopted else str(manifest.level)
    of = manifest.label or manifest.database or "not said"
    taken = iso(manifest.started.replace(microsecond=0))
    return (name, of, taken, span(max(0.0, _age(manifest))), megabytes(manifest.bytes), level)


def _head(out: Console, path: Path, manifest: Manifest) -> None:
    version = f" {manifest.server_version}" if manifest.server_version else ""
    engine = "MongoDB" if manifest.kind is Kind.MONGO else "PostgreSQL"
    of = manifest.label or manifest.database or "an unknown database"
    _line(out, str(path))
    _line(out, f"{engine}{version}: {of}; {manifest.form} by {manifest.tool} {manifest.tool_version}")
    moment = iso(manifest.started.replace(microsecond=0))
    _line(out, f"taken {moment} ({span(max(0.0, _age(manifest)))} ago); {megabytes(manifest.bytes)} on disk")


def _contents(out: Console, kind: Kind, counts: Mapping[str, int | None]) -> None:
    words = ("collection", "documents") if kind is Kind.MONGO else ("table", "rows")
    filled = [(name, count) for name, count in sorted(counts.items()) if count != 0]
    rows = [(name, "not counted" if count is None else number(count)) for name, count in filled[:_MOST_ROWS]]
    if rows:
        out.print(plain_table(words, rows, right=(1,)))
    if len(filled) > _MOST_ROWS:
        _line(out, f"and {len(filled) - _MOST_ROWS} more (--json has all)")
    if len(filled) < len(counts):
        _line(out, f"and {len(counts) - len(filled)} without any {words[1]}")


def _notes(out: Console, notes: Sequence[str]) -> None:
    for note in notes:
        _line(out, f"  ({note})")


def _reached(manifest: Manifest) -> str:
    tried = manifest.reached(manifest.level)
    if tried is None:
        return "not judged yet"
    agrees = "agrees with " if tried.level.rank >= Level.COUNTS.rank else ""
    return f"level {manifest.level}: {agrees}{tried.compared_with}"


def _counts(contents: Sequence[Content]) -> dict[str, int | None]:
    return {each.name: each.count for each in contents}


def _age(manifest: Manifest) -> float:
    return (utc_now() - manifest.started).total_seconds()


def _line(out: Console, text: str) -> None:
    out.print(Text(safe(text)))
