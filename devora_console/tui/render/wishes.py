"""What people want of a run, as they type it: three fields, each of which may be left empty."""

from __future__ import annotations

import math
from dataclasses import replace

from devora_console.migration.job import MOST_WORKERS
from devora_console.migration.progress import Wishes

FIELDS = (
    ("rows", "rows per second", "no limit"),
    ("workers", "workers", "the console decides"),
    ("batch", "batch bytes", "the console decides"),
)
"""Name, label, and what an empty field means."""
_LEAST_BATCH, _MOST_BATCH = 10_000, 256_000_000
_POWERS = {"k": 1_000, "M": 1_000_000}


def typed(wishes: Wishes) -> tuple[str, str, str]:
    """The wishes as somebody would type them.

    >>> typed(Wishes(rows_per_second=1000.0, batch_bytes=2_500_000)), typed(Wishes(batch_bytes=12_345, workers=2))
    (('1000', '', '2500k'), ('', '2', '12345'))
    """
    rows, workers, batch = wishes.rows_per_second, wishes.workers, wishes.batch_bytes
    return (
        "" if rows is None else f"{rows:.15g}",
        "" if workers is None else str(workers),
        "" if batch is None else _bytes(batch),
    )


def _bytes(count: int) -> str:
    for sign, power in reversed(_POWERS.items()):
        if count % power == 0:
            return f"{count // power}{sign}"
    return str(count)


def understood(wishes: Wishes, rows: str, workers: str, batch: str) -> Wishes | tuple[str, str]:
    """``wishes`` with the three as typed; or the name of the first field that is wrong, and what it takes.

    >>> understood(Wishes(paused=True), '', ' 2', '500k')
    Wishes(paused=True, rows_per_second=None, workers=2, batch_bytes=500000)
    >>> understood(Wishes(), '-3', '', '')
    ('rows', 'rows per second: a number from 1 on, or nothing')
    >>> understood(Wishes(), '', '65', '2 MB')
    ('workers', 'workers: a whole number from 1 to 64, or nothing')
    >>> understood(Wishes(), '', '', '2 GB')
    ('batch', 'batch bytes: from 10k to 256M, as 500k, 2M or 2000000, or nothing')
    """
    limit = _number(rows, {})
    if rows.strip() and (limit is None or limit < 1):
        return "rows", "rows per second: a number from 1 on, or nothing"
    count = _number(workers, {})
    if workers.strip() and (count is None or count != int(count) or not 1 <= count <= MOST_WORKERS):
        return "workers", f"workers: a whole number from 1 to {MOST_WORKERS}, or nothing"
    size = _number(batch.strip().removesuffix("B"), _POWERS)
    if batch.strip() and (size is None or not _LEAST_BATCH <= size <= _MOST_BATCH):
        return "batch", "batch bytes: from 10k to 256M, as 500k, 2M or 2000000, or nothing"
    return replace(
        wishes,
        rows_per_second=limit,
        workers=None if count is None else int(count),
        batch_bytes=None if size is None else int(size),
    )


def _number(text: str, powers: dict[str, int]) -> float | None:
    """A number, with a power of ten behind it where ``powers`` has one; None for anything else."""
    words = text.strip().replace("K", "k").replace("m", "M")
    power = powers.get(words[-1:], 1)
    try:
        found = float(words[:-1] if power > 1 else words) * power
    except ValueError:
        return None
    return found if math.isfinite(found) else None
