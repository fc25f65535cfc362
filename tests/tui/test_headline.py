"""The Migration headline: what a person who reads nothing else has to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from devora_console.core.problems import Problem
from devora_console.core.unknown import Unknown
from devora_console.migration.progress import Kind, MigrationSnapshot, Phase, State, Wishes
from devora_console.tui.render.headline import headline
from devora_console.tui.render.look import Look
from tests.tui.fake import AT, collections, copied, copying, finishing

IDLE = MigrationSnapshot(as_of=AT)
COPY = replace(copying(0.61, AT), rows_total=1_912_004, rows_done=1_166_323)
DRY = replace(
    COPY,
    kind=Kind.DRY_RUN,
    phase=Phase.SURVEY,
    collections=collections(0.5, survey=True),
    rows_total=249_208,
    rows_done=124_604,
    eta_seconds=38.0,
)
FAILED = replace(
    COPY,
    state=State.FAILED,
    problem=Problem("pg.disk_full", "PostgreSQL has no room left on device", "Free some space"),
)
HELD = " 3 in quarantine."
EARLY = " 3 refused so far."
ASIDE = "Indexes or keys are still set aside."
SURVEY = {
    "surveying": (
        replace(DRY, kind=Kind.EXECUTE),
        f"Surveying before the copy: 50 % of 249 k documents, about 40 s left (±55).{EARLY}",
    ),
    "dry run": (DRY, f"Dry run: 50 % of 249 k documents, about 40 s left (±55).{EARLY}"),
    "surveying before a verification": (
        replace(DRY, kind=Kind.VERIFY),
        f"Surveying before the verification: 50 % of 249 k documents, about 40 s left (±55).{EARLY}",
    ),
    "surveying a source that does not say how much it holds": (
        replace(DRY, rows_total=Unknown("a dump"), rows_done=1_204, eta_seconds=Unknown("")),
        f"Dry run: 1\u202f204 documents so far.{EARLY}",
    ),
    "deciding": (
        replace(DRY, phase=Phase.DECIDE, rows_total=Unknown("deciding is one step"), eta_seconds=Unknown("")),
        f"Surveyed; checking references between collections.{EARLY}",
    ),
    "verifying": (
        replace(COPY, kind=Kind.VERIFY, phase=Phase.VERIFY),
        f"Verification running: 61 % of 1.91 M rows, about 4 min left (±1).{HELD}",
    ),
    "connecting": (
        replace(IDLE, kind=Kind.DRY_RUN, state=State.RUNNING, phase=Phase.CONNECT),
        "Dry run starting: connecting to both servers.",
    ),
}
PHASES = {
    "setting aside": (
        replace(COPY, phase=Phase.PREPARE, rows_total=Unknown("deciding is one step"), eta_seconds=Unknown("")),
        f"Setting indexes and keys aside, so that the copy is fast.{HELD}",
    ),
    "copying": (COPY, f"Copy running: 61 % of 1.91 M rows, about 4 min left (±1).{HELD}"),
    "copying again": (
        replace(COPY, collections=tuple(replace(each, unchanged=1_000) for each in COPY.collections[:3])),
        "Copy running: 61 % of 1.91 M rows, about 4 min left (±1); 3\u202f000 documents were there already."
        " 3 in quarantine.",
    ),
    "vectors": (
        finishing(0, 69_700, now=AT),
        f"Copied; filling search vectors: 34 % of 205 k rows, about 10 s left.{HELD}",
    ),
    "indexes": (
        finishing(1, 12, "index idx_messages_search", AT),
        f"Copied; building indexes: 12 of 28 (idx_messages_search).{HELD}",
    ),
    "unique keys": (
        finishing(1, 0, "unique users_email_lower_key", AT),
        f"Copied; building indexes: 0 of 28 (users_email_lower_key).{HELD}",
    ),
    "between two indexes": (finishing(1, 12, now=AT), f"Copied; building indexes: 12 of 28.{HELD}"),
    "foreign keys": (
        finishing(2, 3, "foreign key messages_conversation_id_fkey", AT),
        f"Copied; checking foreign keys: 3 of 12 (messages_conversation_id_fkey).{HELD}",
    ),
    "triggers": (
        finishing(3, 1, "trigger update_conversation_timestamp", AT),
        f"Copied; bringing back triggers: 1 of 4 (update_conversation_timestamp).{HELD}",
    ),
    "statistics": (finishing(4, 4, now=AT), f"Copied; gathering statistics: 4 of 11 tables.{HELD}"),
    "nothing to bring back": (
        replace(finishing(2, 0, now=AT), rows_total=0),
        f"Copied; checking foreign keys.{HELD}",
    ),
}
STEERED = {
    "waiting": (
        replace(COPY, waiting_for="the lease of another run"),
        f"Waiting for the lease of another run. Copy running: 61 % of 1.91 M rows, about 4 min left (±1).{HELD}",
    ),
    "throttled": (
        replace(COPY, throttled_by="at most 1000 rows/s (migrate throttle)"),
        "Copy running: 61 % of 1.91 M rows, about 4 min left (±1). "
        f"Throttled: at most 1000 rows/s (migrate throttle).{HELD}",
    ),
    "a limit of rows holds no index back": (
        replace(finishing(1, 12, now=AT), throttled_by="at most 1000 rows/s (migrate throttle)"),
        f"Copied; building indexes: 12 of 28.{HELD}",
    ),
    "pausing": (
        replace(finishing(1, 12, "index idx_big", AT), wishes=Wishes(paused=True)),
        f"Pausing after what is in flight; press P to go on. Copied; building indexes: 12 of 28 (idx_big).{HELD}",
    ),
    "paused": (
        replace(COPY, state=State.PAUSED, waiting_for="paused: press P, or run: migrate resume"),
        f"Copy paused at 61 % of 1.91 M rows. Press P to resume.{HELD}",
    ),
    "paused in the survey": (
        replace(DRY, kind=Kind.EXECUTE, state=State.PAUSED),
        f"Copy paused while surveying, at 50 % of 249 k documents. Press P to resume.{EARLY}",
    ),
    "paused in the vectors": (
        replace(finishing(0, 69_700, now=AT), state=State.PAUSED),
        f"Copy paused while filling search vectors, at 34 % of 205 k rows. Press P to resume.{HELD}",
    ),
    "paused between two indexes": (
        replace(finishing(1, 12, now=AT), state=State.PAUSED),
        f"Copy paused at 12 of 28 indexes. Press P to resume.{HELD}",
    ),
    "stopping": (replace(COPY, state=State.STOPPING), "Copy stopping: what is in flight is finished first."),
    "stopped": (
        replace(COPY, state=State.STOPPED),
        f"Copy stopped at 61 % of 1.91 M rows. Press X: it goes on from what is committed.{HELD}",
    ),
    "stopped in a bulk load": (
        replace(COPY, state=State.STOPPED, bulk=True),
        f"Copy stopped at 61 % of 1.91 M rows. {ASIDE} Press X: it goes on from what is committed.{HELD}",
    ),
    "stopped between two keys": (
        replace(finishing(2, 3, now=AT), state=State.STOPPED),
        f"Copy stopped at 3 of 12 foreign keys. {ASIDE} Press X: it goes on from what is committed.{HELD}",
    ),
    "stopped in the survey": (
        replace(DRY, kind=Kind.EXECUTE, state=State.STOPPED),
        f"Copy stopped while surveying, at 50 % of 249 k documents. Press X to start again.{EARLY}",
    ),
    "failed": (
        FAILED,
        "Copy failed: PostgreSQL has no room left on device. Free some space. "
        "Then press X: it continues from the last checkpoint.",
    ),
    "failed in a bulk load": (
        replace(FAILED, bulk=True),
        f"Copy failed: PostgreSQL has no room left on device. {ASIDE} Free some space. "
        "Then press X: it continues from the last checkpoint.",
    ),
}
ENDED = {
    "dry run done": (
        replace(
            DRY, state=State.DONE, phase=None, rows_done=0, collections=collections(1.0, survey=True), seconds=41.0
        ),
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
IDLE_CASE = {"idle": (IDLE, "No dry run yet. Press d: it converts every document and writes nothing.")}
CASES = IDLE_CASE | SURVEY | PHASES | STEERED | ENDED


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
