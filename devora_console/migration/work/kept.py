"""Converted documents kept from the survey until they are written or compared: no document is converted twice.

Files beside the ledger, for this job's own processes alone; whoever has not got them converts again.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.rows import Converted
from devora_console.migration.rules import Refusal


def keep(path: str, found: Sequence[Converted | Refusal]) -> bool:
    """Keep what a piece became, without what the survey has told already. False if the disk refuses."""
    kept = [None if isinstance(each, Refusal) else each for each in found]
    for each in kept:
        if each is not None:
            each.counts, each.references, each.owner_columns = {}, [], []
    try:
        with Path(path).open("wb", buffering=0) as stream:
            stream.write(pickle.dumps(kept, pickle.HIGHEST_PROTOCOL))
    except OSError:
        Path(path).unlink(missing_ok=True)
        return False
    return True


def recall(path: str) -> list[Converted | None]:
    """What :func:`keep` kept; None for refused documents. Raises ConsoleError (exit 5) when the file is gone."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ConsoleError.of(
            ExitCode.STOPPED,
            "scratch_failed",
            f"the scratch files of the survey are gone ({error.strerror})",
            "Run the same command again; see that nothing cleans up where TMPDIR points to",
        ) from None
    found: list[Converted | None] = pickle.loads(raw)  # noqa: S301 - our own, in a folder of this user's alone
    return found
