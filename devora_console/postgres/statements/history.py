"""The recent past of statements, from a ring of samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from devora_console.core.unknown import Unknown
from devora_console.postgres.statements.judge import deltas_of
from devora_console.postgres.statements.snapshot import Key, StatementsSample

RING = 120
"""How many samples a ring should hold: each holds an entry per statement, unchanged ones shared."""


def trends(
    samples: Iterable[StatementsSample], keys: Iterable[Key], most: int = 30
) -> Mapping[Key, tuple[float | None, ...]]:
    """Milliseconds of execution per second in each of the last ``most`` intervals, oldest first.

    None where it is not known; nought while the entry did not exist.
    """
    wanted = tuple(keys)
    out: dict[Key, list[float | None]] = {key: [] for key in wanted}
    for before, after in [*pairwise(samples)][-most:]:
        seconds = (after.server_now - before.server_now).total_seconds()
        deltas = deltas_of(wanted, before, after)
        for key in wanted:
            delta = deltas[key]
            if delta is None:
                out[key].append(0.0)
            else:
                out[key].append(None if isinstance(delta, Unknown) or seconds <= 0 else delta.exec_ms / seconds)
    return {key: tuple(values) for key, values in out.items()}
