"""Embeddings as text for people: coverage, estimate, the progress and the end of a back-fill."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.text import Text

from devora_console.cli.door import Door
from devora_console.cli.tables import number, plain_table
from devora_console.core.clock import iso, span
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.search.embed.coverage import Coverage, TypeCoverage
from devora_console.search.embed.estimate import Estimate
from devora_console.search.embed.progress import Progress, Result

_HEADERS = ("type", "documents", "current", "stale", "missing", "failed", "empty", "covered", "vectors", "zero/NULL")
_INDEX = {
    "none": "none: every vector is compared, which is exact and fast up to some 20 000",
    "partial": "half made: some partitions have theirs; embed run goes on with it",
    "ready": "ready",
}


def print_coverage(out: Console, found: Coverage) -> None:
    """The state of embeddings."""
    _line(out, f"{found.model}, {found.dims} dimensions: {found.label}")
    able = found.total("documents") - found.total("empty")
    share = f"{100 * found.total('current') / able:.1f} %" if able else "nothing to embed"
    _line(out, f"{number(found.total('current'))} of {number(able)} documents are current ({share})", style="bold")
    out.print(plain_table(_HEADERS, [_row(each) for each in found.types], right=range(1, len(_HEADERS))))
    size = f", {found.index.bytes / 1e6:.1f} MB" if found.index.bytes else ""
    _line(out, f"index {found.index.name}: {_INDEX[found.index.state]}{size}")
    for each in found.models:
        own = "" if each.model == found.model else ", not searched with the embedder of these settings"
        _line(out, f"vectors of {each.model}, {each.dims} dimensions: {number(each.vectors)}{own}")
    for reason in found.failures:
        _line(
            out,
            f"failed: {number(reason.documents)} × {reason.reason} (last {iso(reason.latest.replace(microsecond=0))})",
        )
    for run in found.runs:
        # The note of a run that has ended counts everything itself.
        note = run.note or ""
        said = note if " embedded" in note else f"{number(run.embedded)} embedded" + (f" · {note}" if note else "")
        _line(out, f"run {iso(run.started.replace(microsecond=0))} {run.words}: {said}")


def _row(each: TypeCoverage) -> tuple[str, ...]:
    covered = "-" if each.covered is None else f"{100 * each.covered:.1f} %"
    counts = (each.documents, each.current, each.stale, each.missing, each.failed, each.empty)
    lost = number(each.zero_vectors + each.without_vector)
    return (each.entity_type, *map(number, counts), covered, number(each.vectors), lost)


def print_estimate(out: Console, found: Estimate) -> None:
    """What a back-fill takes."""
    kinds = ", ".join(f"{number(count)} {kind}{'s' * (count != 1)}" for kind, count in found.by_type.items())
    _line(out, f"{number(found.rows)} documents to embed with {found.model}" + (f" ({kinds})" if kinds else ""))
    how = "counted" if found.counted else f"extrapolated from {number(found.sample)} documents"
    exact = "" if found.exact else ", not the model's own counter"
    _line(out, f"{number(found.tokens)} tokens, {how} with {found.counter}{exact}")
    if isinstance(found.cost, Unknown) or isinstance(found.price, Unknown):
        _line(out, f"cost: {found.cost}")
    elif found.price.own:
        _line(out, "cost: nothing, the vectors are made here")
    else:
        price = f"${found.price.per_million:g} for a million tokens as of {found.price.as_of}, {found.price.source}"
        _line(out, f"cost: ${found.cost:,.4f} ({price})")
    if not found.rows:
        return
    if isinstance(found.seconds, Unknown):
        _line(out, f"duration: {found.seconds}" + (f" ({found.seconds.remedy})" if found.seconds.remedy else ""))
    else:
        _line(out, f"duration: {span(found.seconds)} for reading and embedding, measured on a sample here and now")


def print_result(out: Console, result: Result) -> None:
    """The end of a back-fill; the last line is what became of the documents."""
    told = result.progress
    speed = told.rows_per_second
    if told.embedded and not isinstance(speed, Unknown):
        cost = _spent(told, with_day=True)
        tokens = f", {number(told.tokens)} tokens" if told.tokens else ""
        _line(out, f"{told.model}: {span(told.seconds)}, {number(round(speed))} documents/s{tokens}{cost}")
    if result.removed:
        _line(out, f"{number(result.removed)} vectors of documents that are gone were removed")
    if result.index is not None:
        words = {
            "built": f"made of {number(result.index.rows)} vectors in {span(result.index.seconds)}",
            "ready": "was there already",
            "small": "not made: every vector is compared, which is exact and fast for so few",
            "busy": "is being made by another run",
        }
        _line(out, f"index {result.index.index}: {words[result.index.outcome]}")
    _line(out, result.words, style="bold")


def progress_line(told: Progress) -> str:
    """One line for a terminal."""
    done = told.embedded + told.failed + told.empty
    part = f"{100 * done / told.total:.0f} %" if told.total else "-"
    speed = told.rows_per_second
    rate = "" if isinstance(speed, Unknown) or not told.embedded else f", {number(round(speed))}/s"
    state = "paused, " if told.paused else f"{told.waiting}, " if told.waiting else ""
    return one_line(f"{state}{number(done)} of {number(told.total)} ({part}){rate}{_spent(told)}", 160)


def _spent(told: Progress, *, with_day: bool = False) -> str:
    """What it has cost; nothing where it costs nothing, and unknown where the price is."""
    if isinstance(told.price, Unknown):
        return ", cost unknown" + (f": {told.price.reason}" if with_day else "")
    if told.cost is None or told.price is None or not told.price.per_million:
        return ""
    return f", ${told.cost:.4f} (price of {told.price.as_of})"


class Watch:
    """Narrates a back-fill: one line that rewrites itself on a terminal, else a line every ten seconds."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._live = sys.stderr.isatty() and not door.quiet
        self._last = 0.0
        self._said = ""

    def tell(self, told: Progress) -> None:
        """Show where it stands."""
        now = time.monotonic()
        state = f"{told.paused} {told.waiting}"
        if now - self._last < (0.2 if self._live else 10.0) and state == self._said:
            return
        self._last, self._said = now, state
        if self._live:
            sys.stderr.write("\r\x1b[K" + progress_line(told))
            sys.stderr.flush()
        else:
            self._door.narrate(progress_line(told))

    def narrate(self, line: str) -> None:
        """Say what takes long."""
        self.end()
        self._door.narrate(line)

    def end(self) -> None:
        """Leave a clean line behind."""
        if self._live:
            sys.stderr.write("\r\x1b[K")


def _line(out: Console, words: str, style: str = "") -> None:
    out.print(Text(one_line(words, 400), style=style))
