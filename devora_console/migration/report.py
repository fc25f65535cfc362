"""The report of a run, to hand to the team: what came from where, what became of it, what is left to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from devora_console.core.clock import span, utc_now
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.held import held
from devora_console.migration.progress import QuarantineItem
from devora_console.migration.watermark import Watermark, latest
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_HERE = "devora_console.migration"
_NAMED = 100


@dataclass(frozen=True, slots=True)
class Report:
    """One execution as the target recorded it. ``progress`` is the runner's last snapshot, as JSON."""

    run: str
    state: str
    at: datetime
    source: str
    mapping: str
    mapping_hash: str
    schema: str
    started_at: datetime | None
    finished_at: datetime | None
    holder: str
    progress: dict[str, Any]
    quarantine: tuple[QuarantineItem, ...]  # open now: the first hundred
    quarantined: int  # open now
    waived: int
    verification: Watermark | None
    set_aside: tuple[str, ...]  # indexes and constraints that are not back


async def gather(connection: Connection, run: UUID | None) -> Report:
    """The report of a run, of the latest by default. Raises ConsoleError (exit 2) when there is none."""
    row = await connection.fetchrow(sql(_HERE, "run_report"), run)
    if row is None:
        raise usage_error("run_unknown", "this target has no such execution", "See: migrate status")
    counts = await connection.fetchrow(
        "SELECT count(*) FILTER (WHERE resolved_at IS NULL), count(*) FILTER (WHERE resolved_by LIKE 'waived by %')"
        " FROM devora_console.quarantine"
    )
    aside = await connection.fetch("SELECT kind || ' ' || name AS words FROM devora_console.set_aside ORDER BY number")
    assert counts is not None
    return Report(
        run=str(row["run"]),
        state=row["state"],
        at=utc_now(),
        source=row["source_identity"] or "",
        mapping=row["mapping_name"] or "",
        mapping_hash=row["mapping_hash"] or "",
        schema=row["versions"] or "",
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        holder=row["holder"] or "",
        progress=json.loads(row["progress"] or "{}"),
        quarantine=await held(connection, limit=_NAMED),
        quarantined=counts[0],
        waived=counts[1],
        verification=await latest(connection, row["mapping_hash"]),
        set_aside=tuple(each["words"] for each in aside),
    )


def markdown(report: Report) -> str:
    """The report as a Markdown document."""
    return "\n".join(
        [*_head(report), *_verdict(report), *_collections(report), *_phases(report), *_rules(report), *_held(report)]
    )


def _head(report: Report) -> Iterator[str]:
    took = ""
    if report.started_at and report.finished_at:
        took = f" ({span((report.finished_at - report.started_at).total_seconds())})"
    yield f"# Migration run {report.run}"
    yield ""
    yield from _table(
        ("", ""),
        [
            ("state", report.state),
            ("source", report.source),
            ("mapping", f"{report.mapping} {report.mapping_hash[:12]}"),
            ("schema versions", report.schema),
            ("began", _moment(report.started_at)),
            ("ended", _moment(report.finished_at) + took),
            ("by", report.holder),
            ("report made", _moment(report.at)),
        ],
    )


def _verdict(report: Report) -> Iterator[str]:
    yield "## Verdict"
    yield ""
    found = report.verification
    if found is None:
        yield "- Not verified yet: run `devora-console verify`."
    else:
        word = "source and target agree" if found.ok else f"**{found.differences} differences**"
        yield f"- Verified through {_moment(found.through)} ({found.level}): {word}."
        if found.stale:
            yield f"- That verification is stale: {found.stale}."
    waived = f", {report.waived} waived" if report.waived else ""
    yield f"- Quarantine: {report.quarantined} open{waived}."
    if report.set_aside:
        yield f"- **Not back yet**: {_cell(', '.join(report.set_aside))}. Run `migrate --execute --resume`."
    problem = report.progress.get("problem")
    if problem:
        yield f"- It ended with: {_cell(problem['message'])}"
    yield ""


def _collections(report: Report) -> Iterator[str]:
    yield "## Collections"
    yield ""
    rows = [
        (
            each["name"],
            _number(each["total"]),
            *(_number(each[key]) for key in ("migrated", "quarantined", "archived", "ignored", "written", "unchanged")),
            ", ".join(f"{table} {_number(count)}" for table, count in sorted(each["rows"].items())),
        )
        for each in report.progress.get("collections", ())
    ]
    names = (
        "collection",
        "documents",
        "migrated",
        "quarantined",
        "archived",
        "ignored",
        "written",
        "unchanged",
        "rows",
    )
    yield from _table(names, rows, right=7)


def _phases(report: Report) -> Iterator[str]:
    yield "## Phases"
    yield ""
    rows = [
        (
            each["phase"],
            _number(each["done"]) if each["done"] else "",
            span(each["seconds"]),
            _number(round(each["done"] / each["seconds"])) if each["done"] and each["seconds"] > 0.05 else "",
            f"{each['bytes'] / each['seconds'] / 1e6:.1f}" if each["bytes"] and each["seconds"] > 0.05 else "",
        )
        for each in report.progress.get("phases", ())
    ]
    yield from _table(("phase", "done", "time", "per second", "MB of BSON per second"), rows, right=4)


def _rules(report: Report) -> Iterator[str]:
    conversions = report.progress.get("conversions", {})
    if conversions:
        yield "## Conversions"
        yield ""
        yield "Each by its named rule; what lost anything is kept beside the row, in `source_extra`."
        yield ""
        rows = [(rule, _number(count)) for rule, count in sorted(conversions.items(), key=lambda each: -each[1])]
        yield from _table(("rule", "times"), rows, right=1)


def _held(report: Report) -> Iterator[str]:
    if not report.quarantined:
        return
    yield "## Quarantine"
    yield ""
    rules = report.progress.get("quarantine_rules", {})
    yield from _table(
        ("rule", "documents in this run"), [(rule, _number(count)) for rule, count in rules.items()], right=1
    )
    rows = [(str(e.id), e.collection, e.source_id, e.rule, e.path, e.message) for e in report.quarantine]
    yield from _table(("id", "collection", "_id", "rule", "path", "why"), rows)
    left = report.quarantined - len(rows)
    if left > 0:
        yield f"… and {_number(left)} more: `devora-console quarantine list`."
        yield ""


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], *, right: int = 0) -> Iterator[str]:
    """A Markdown table; the columns behind the first, ``right`` of them, hold numbers."""
    yield f"| {' | '.join(names)} |"
    yield "|" + "|".join("---:" if 0 < at <= right else "---" for at in range(len(names))) + "|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _cell(text: str) -> str:
    """Text that came from data: one line, and none of it Markdown."""
    safe = one_line(text, 300).replace("\\", "\\\\").replace("|", "\\|")
    for sign in "*_`<[":
        safe = safe.replace(sign, "\\" + sign)
    return safe


def _number(value: Any) -> str:
    """A count with thin spaces, or what stands for one that is not known."""
    return "?" if isinstance(value, dict) or value is None else f"{value:,}".replace(",", "\u202f")


def _moment(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M:%SZ}"
