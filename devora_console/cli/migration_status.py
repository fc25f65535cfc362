"""A migration seen from another terminal: its last snapshot, as JSON keys and as text for people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from devora_console.cli.tables import number, plain_table
from devora_console.core.clock import span, utc_now
from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line
from devora_console.migration.steering import Status
from devora_console.migration.watermark import Watermark


def status_keys(found: Status) -> dict[str, object]:
    """The JSON keys of ``migrate status``. ``progress`` is the runner's last snapshot."""
    progress = found.progress
    return {
        "run": found.run,
        "state": state_of(found),
        "alive": found.alive,
        "phase": progress.get("phase"),
        "eta_seconds": _known(progress.get("eta_seconds")),
        "waiting_for": progress.get("waiting_for", ""),
        "throttled_by": progress.get("throttled_by", ""),
        "holder": found.holder,
        "started_at": found.started_at,
        "updated_at": found.updated_at,
        "finished_at": found.finished_at,
        "wishes": found.wishes,
        "verification": found.verification,
        "progress": progress,
    }


def state_of(found: Status) -> str | None:
    """The state in one word; a run that nobody works on any more has stopped, whatever it says."""
    if found.run is None:
        return None
    if found.alive:
        return "paused" if found.wishes.paused else str(found.progress.get("state") or found.state)
    return "stopped" if found.state == "running" else found.state


def write_report(path: Path, text: str) -> None:
    """Write a report to a file of this user's alone. Raises ConsoleError (exit 2)."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        shown = one_line(str(path), 160)
        raise usage_error(
            "report_file", f"{shown}: {error.strerror or 'cannot be written'}", "Give another --output"
        ) from None


def print_status(out: Console, found: Status) -> None:
    """Where the run stands, who runs it, what it waits for, phase by phase."""
    state = state_of(found)
    if state is None:
        out.print(Text("No migration has been executed on this target yet. Begin with: migrate --dry-run"))
        return
    progress = found.progress
    signs = {"running": "…", "paused": "‖", "done": "✓", "stopped": "!", "failed": "✗"}
    out.print(Text(one_line(f"{signs.get(state, '?')} {state}: {_headline(progress, state)}", 200)))
    if progress.get("waiting_for"):
        out.print(Text(one_line(f"waiting for: {progress['waiting_for']}", 200)))
    if progress.get("throttled_by"):
        out.print(Text(one_line(f"throttled: {progress['throttled_by']}", 200)))
    out.print(Text(one_line(f"run {found.run} by {found.holder}, {_age(found)}", 200)))
    rows = [_phase(each) for each in progress.get("phases", ())]
    if rows:
        out.print(plain_table(("phase", "done", "of", "time"), rows, right=(1, 2, 3)))
    workers = [
        (each["name"], number(round(each["rows_per_second"])), f"{100 * each['waiting']:.0f} %")
        for each in progress.get("workers", ())
        if found.alive
    ]
    if workers:
        out.print(plain_table(("worker", "rows/s", "waits for PostgreSQL"), workers, right=(1, 2)))
    if not found.alive:
        out.print(Text(_verified(found.verification)))
    if not found.alive and state == "stopped":
        out.print(Text("Go on with: devora-console migrate --execute --resume"))


def _headline(progress: dict[str, Any], state: str) -> str:
    if state == "done":
        rows = sum(sum(each["rows"].values()) for each in progress.get("collections", ()))
        return f"{number(rows)} rows in place, in {span(progress.get('seconds', 0.0))}"
    if state == "failed" and progress.get("problem"):
        return str(progress["problem"]["message"])
    total, done = _known(progress.get("rows_total")), progress.get("rows_done", 0)
    part = f" {100 * done // max(total, 1)} %" if isinstance(total, int) and total else ""
    eta = _known(progress.get("eta_seconds"))
    left = f", about {span(eta)} left" if isinstance(eta, int | float) else ""
    rate = _known(progress.get("rows_per_second"))
    speed = f" at {number(round(rate))}/s" if isinstance(rate, int | float) else ""
    return f"{progress.get('phase') or 'finished'}{part}, {number(done)} through{speed}{left}"


def _phase(each: dict[str, Any]) -> tuple[str, ...]:
    total = _known(each["total"])
    done = number(each["done"]) if each["done"] else ""
    of = number(total) if isinstance(total, int) else "?" if done else ""
    return (str(each["phase"]), done, of, span(each["seconds"]))


def _verified(found: Watermark | None) -> str:
    if found is None:
        return "? not verified yet: verify"
    through = f"verified through {found.through:%Y-%m-%d %H:%M:%SZ} ({found.level})"
    if not found.ok:
        return f"✗ {through}: {found.differences} differences"
    return f"◌ {through}, stale: {found.stale}" if found.stale else f"✓ {through}"


def _age(found: Status) -> str:
    if found.finished_at is not None:
        return f"finished {found.finished_at:%Y-%m-%d %H:%M:%SZ}"
    if found.updated_at is None:
        return "not heard of yet"
    return f"last heard of {span((utc_now() - found.updated_at).total_seconds())} ago"


def _known(value: Any) -> Any:
    """A number, or None for what the snapshot calls unknown."""
    return None if isinstance(value, dict) else value
