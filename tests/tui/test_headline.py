"""The Migration headline: what a person who reads nothing else has to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from devora_console.core.problems import Problem
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State
from devora_console.tui.render.headline import headline
from devora_console.tui.render.look import Look
from tests.tui.fake import AT, collections, copied, copying

IDLE = MigrationSnapshot(as_of=AT)
COPY = replace(copying(0.61, AT), rows_total=1_912_004, rows_done=1_166_323)
DRY = replace(COPY, kind=Kind.DRY_RUN, phase=Phase.SURVEY, collections=collections(0.5, survey=True), eta_seconds=38.0)
FAILED = replace(
    COPY,
    state=State.FAILED,
    problem=Problem("pg.disk_full", "PostgreSQL has no room left on device", "Free some space"),
)

CASES = {
    "idle": (IDLE, "No dry run yet. Press d: it converts every document and writes nothing."),
    "copying": (COPY, "Copy running: 61 % of 1.91 M rows, about 4 min left (±1). 3 in quarantine."),
    "waiting": (
        replace(COPY, waiting_for="the lease of another run"),
        "Waiting for the lease of another run. Copy running: 61 % of 1.91 M rows, about 4 min left (±1). "
        "3 in quarantine.",
    ),
    "surveying": (
        replace(DRY, kind=Kind.EXECUTE),
        "Surveying before the copy: 50 % of 249 k documents, about 40 s left (±55). 3 in quarantine.",
    ),
    "dry run": (DRY, "Dry run: 50 % of 249 k documents, about 40 s left (±55). 3 in quarantine."),
    "connecting": (
        replace(IDLE, kind=Kind.DRY_RUN, state=State.RUNNING, phase=Phase.CONNECT),
        "Dry run starting: connecting to both servers.",
    ),
    "paused": (
        replace(COPY, state=State.PAUSED),
        "Copy paused at 61 % of 1.91 M rows. Press P to resume. 3 in quarantine.",
    ),
    "stopping": (
        replace(COPY, state=State.STOPPING),
        "Copy stopping: the batches in flight are finished first.",
    ),
    "stopped": (
        replace(COPY, state=State.STOPPED),
        "Copy stopped at 61 % of 1.91 M rows. Press X: it goes on from what is committed. 3 in quarantine.",
    ),
    "failed": (
        FAILED,
        "Copy failed: PostgreSQL has no room left on device. Free some space. "
        "Then press X: it continues from the last checkpoint.",
    ),
    "dry run done": (
        replace(DRY, state=State.DONE, rows_done=0, collections=collections(1.0, survey=True), seconds=41.0),
        "3 documents would go to quarantine: press q. Dry run done in 41s: 1.98 M rows to write. Press X to execute.",
    ),
    "not verified": (
        copied(None, AT),
        "Copy done in 3m20s: 1.98 M rows. Not yet verified: press v. 3 in quarantine.",
    ),
    "verified": (
        copied(True, AT),
        "Copy done in 3m20s: 1.98 M rows. Verified: every source row is in the target or accounted for. "
        "3 in quarantine.",
    ),
    "mismatch": (
        copied(False, AT),
        "Verification failed: 1 table differs (messages). Press t. Copy done in 3m20s: 1.98 M rows. 3 in quarantine.",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_headline(case: str) -> None:
    snapshot, words = CASES[case]
    assert headline(snapshot, Look()) == words


def test_a_verification_older_than_the_copy_does_not_count() -> None:
    done = copied(True, AT)
    assert done.verification is not None
    old = replace(done, verification=replace(done.verification, at=AT - timedelta(hours=2)))
    assert "Not yet verified: press v" in headline(old, Look())


@pytest.mark.parametrize("case", CASES)
def test_headline_in_plain_ascii(case: str) -> None:
    assert headline(CASES[case][0], Look(unicode=False)).isascii()
