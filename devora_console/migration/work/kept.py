"""Converted documents kept from the survey until they are written or compared: no document is converted twice.

Files beside the ledger, for this job's own processes alone; whoever has not got them converts again.
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.migration.rows import Converted, Element, Packed
from devora_console.migration.rules import Refusal


def keep(path: str, found: Sequence[Converted | Refusal]) -> bool:
    """Keep what a piece became, without what the survey has told already. False if the disk refuses."""
    kept = marshal.dumps([None if isinstance(each, Refusal) else _plain(each) for each in found])
    try:
        with Path(path).open("wb", buffering=0) as stream:
            stream.write(kept)
    except OSError:
        Path(path).unlink(missing_ok=True)
        return False
    return True


def _plain(made: Converted) -> tuple[object, ...]:
    children = [
        (each.bodies, each.own)
        if isinstance(each, Packed)
        else [(element.row, element.extra, element.own_id) for element in each]
        for each in made.children
    ]
    return made.source_id, made.pk, made.root, made.extra, children


def _converted(source_id: str, pk: str, root: list[bytes], extra: dict[str, Any], children: list[Any]) -> Converted:
    made = [Packed(*each) if isinstance(each, tuple) else [Element(*element) for element in each] for each in children]
    return Converted(source_id, pk, root, extra, made, [], [], None, {})


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
    # Our own, in a folder of this user's alone. Half the time of pickle, and read by the Python that wrote it.
    found: list[Any] = marshal.loads(raw)  # noqa: S302
    return [None if each is None else _converted(*each) for each in found]
