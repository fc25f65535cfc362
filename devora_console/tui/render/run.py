"""The run as a whole: how fast it goes and who works on it, as lines under the tables and in depth."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import MigrationSnapshot, State, Wishes, WorkerProgress
from devora_console.tui.render.headline import NAMES
from devora_console.tui.render.look import Look
from devora_console.tui.render.numbers import short, size
from devora_console.tui.render.phases import measured, rates, steps
from devora_console.tui.render.trend import plot, spark

_WORKER = (8, 8, 6, 8)  # cells of pid, rows/s, waiting, batches
_IN_PANE = 4


def trend_line(snapshot: MigrationSnapshot, width: int, look: Look) -> str:
    """The rates of one phase as a row, named by their unit, and the time of the run."""
    found = rates(snapshot)
    if found is None:
        return ""
    rate = snapshot.rows_per_second
    parts: list[str] = []
    if snapshot.phase is found.phase and not isinstance(rate, Unknown):
        parts.append(f"{short(rate)} {found.unit}")
        if snapshot.bytes_done and not isinstance(snapshot.bytes_per_second, Unknown):
            parts.append(f"{size(snapshot.bytes_per_second)}/s")
    else:
        parts.append(f"{short(found.mean)} {found.of} on average")
    if snapshot.seconds:
        parts.append(f"{span(snapshot.seconds)} so far" if snapshot.state is State.RUNNING else span(snapshot.seconds))
    words = look.plain(" · ".join(parts))
    cells = max(8, min(24, width - len(words) - 4))
    points = [point.rows_per_second for point in found.points]
    return look.fit(f" {spark(points, cells, look)}  {words}", width)


def trend_plot(snapshot: MigrationSnapshot, width: int, height: int, look: Look) -> list[str]:
    """The same rates as a plot under a title that says what they count; no lines where there is nothing to plot."""
    found = rates(snapshot)
    drawn = plot(found.points, width, height, look) if found is not None else []
    return ["", look.fit(look.plain(found.of), width), *drawn] if found is not None and drawn else []


def workers_line(snapshot: MigrationSnapshot, width: int, look: Look) -> str:
    """How many workers, how fast each is, what they wait for; empty unless they are known and at work."""
    working = _at_work(snapshot)
    if not working:
        return ""
    count = len(working)
    wanted = snapshot.wishes.workers if snapshot.wishes is not None else None
    parts = [f"{count} × {short(sum(each.rows_per_second for each in working) / count)} rows/s"]
    if wanted is not None and wanted != count:
        parts[0] += f" ({wanted} wanted)"
    parts.append(f"{_percent(sum(each.waiting for each in working) / count)} waiting for PostgreSQL")
    batch = _batch(snapshot)
    if batch:
        parts.append(f"batches of {size(batch)}")
    line = " workers  "
    for index, part in enumerate(parts):
        more = look.plain(f" · {part}" if index else part)
        if index and len(line) + len(more) > width:
            break
        line += more
    return look.fit(line, width)


def workers_detail(snapshot: MigrationSnapshot, width: int, look: Look, most: int = _IN_PANE) -> Text:
    """One line per worker: pid, rows/s, share of its time it waits for PostgreSQL, batches of the last seconds."""
    working = _at_work(snapshot)
    out = Text(end="")
    if not working:
        return out
    out.append("workers", style="bold")
    out.append("\n" + look.fit(_columns(("pid", "rows/s", "waits", "batches"), look), width), style=look.muted)
    for each in working[:most]:
        cells = (
            look.text(each.name, 40),
            short(each.rows_per_second),
            _percent(each.waiting),
            short(each.batches),
        )
        out.append("\n" + look.fit(_columns(cells, look), width))
    if len(working) > most:
        out.append(f"\n{len(working) - most} more: press ?", style=look.muted)
    return out


def run_detail(snapshot: MigrationSnapshot, look: Look, width: int = 60) -> Text:
    """The run in depth: its phases with their times, what holds it back, what is wanted of it, its workers."""
    out = Text(end="")
    found = steps(snapshot)
    if snapshot.kind is None or not found:
        return out
    out.append(f"{NAMES[snapshot.kind]}: phases", style="bold")
    for each in found:
        took = span(each.seconds) if each.seconds else ""
        words = look.pad(each.words(look, times=False), 24).plain
        style = look.style(each.verdict) if each.verdict is not Verdict.NONE else ""
        out.append(f"\n {words} {took}".rstrip(), style=style)
    if snapshot.throttled_by and snapshot.state is State.RUNNING:
        out.append(f"\nThrottled: {look.text(snapshot.throttled_by, 200)}")
    if snapshot.wishes is not None and snapshot.state in (State.RUNNING, State.PAUSED):
        out.append("\n\nwanted of it\n", style="bold")
        out.append(look.plain(f" {wishes_words(snapshot.wishes)}"))
    working = workers_detail(snapshot, width, look, most=64)
    if working.plain:
        out.append("\n\n")
        out.append_text(working)
        out.append("\nwaits: share of its time that it waits for PostgreSQL", style=look.muted)
    return out


def wishes_words(wishes: Wishes) -> str:
    """What people want of a run, in words; what nobody wants is left to the console."""
    rows, workers, batch = wishes.rows_per_second, wishes.workers, wishes.batch_bytes
    return " · ".join(
        (
            "no limit of rows" if rows is None else f"at most {short(rows)} rows/s",
            "workers as the console decides" if workers is None else f"workers: {workers}",
            "batches as the console decides" if batch is None else f"batches of {size(batch)}",
        )
    )


def _at_work(snapshot: MigrationSnapshot) -> Sequence[WorkerProgress]:
    return snapshot.workers if snapshot.state is State.RUNNING and measured(snapshot) else ()


def _batch(snapshot: MigrationSnapshot) -> int:
    """Bytes of a batch, where that is known: as the run says, or as somebody wants it."""
    wanted = snapshot.wishes.batch_bytes if snapshot.wishes is not None else None
    return snapshot.batch_bytes or wanted or 0


def _percent(part: float) -> str:
    return f"{round(100 * part)} %"


def _columns(cells: Sequence[str], look: Look) -> str:
    fitted = [look.pad(each, width, right=True).plain for each, width in zip(cells[1:], _WORKER[1:], strict=True)]
    return " ".join((" " + look.pad(cells[0], _WORKER[0]).plain, *fitted))
