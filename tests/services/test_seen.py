"""What is told of a job that does not say so itself: that indexes are aside, that time goes on while it is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devora_console.migration.progress import (
    CollectionProgress,
    CollectionState,
    Kind,
    MigrationSnapshot,
    Phase,
    PhaseProgress,
    State,
)
from devora_console.services.seen import aged, sets_aside

NOW = datetime(2024, 12, 9, 14, 3, 27, tzinfo=UTC)
WRITING = CollectionState.WRITING
PHASES = (
    PhaseProgress(Phase.VECTORS, 10, 10, 0, 6.0, finished=True),
    PhaseProgress(Phase.INDEXES, 28, 12, 0, 30.0),
)
SNAPSHOT = MigrationSnapshot(NOW, Kind.EXECUTE, State.RUNNING, Phase.WRITE, phases=PHASES, seconds=100.0)


def collection(name: str, state: CollectionState, policy: str = "map") -> CollectionProgress:
    return CollectionProgress(name, policy, 10, state)


@pytest.mark.parametrize("phase", Phase)
def test_phases_that_only_a_bulk_load_has(phase: Phase) -> None:
    only = {Phase.PREPARE, Phase.VECTORS, Phase.DOCUMENTS, Phase.INDEXES, Phase.CONSTRAINTS}
    assert sets_aside(replace(SNAPSHOT, phase=phase)) is (phase in only)


@pytest.mark.parametrize(
    ("collections", "aside"),
    [
        ((collection("users", WRITING), collection("projects", WRITING)), True),
        ((collection("users", CollectionState.DONE), collection("projects", WRITING)), False),
        ((collection("users", WRITING), collection("templates", WRITING, "archive")), False),
        ((), False),
    ],
)
def test_tables_filled_side_by_side_hold_no_keys(collections: tuple[CollectionProgress, ...], aside: bool) -> None:
    assert sets_aside(replace(SNAPSHOT, collections=collections)) is aside


def test_the_clocks_of_a_silent_job_go_on_but_not_the_moment_it_was_heard_of() -> None:
    later = aged(SNAPSHOT, NOW + timedelta(seconds=20))
    assert later.seconds == 120.0
    assert [each.seconds for each in later.phases] == [6.0, 50.0]
    assert later.as_of == NOW


@pytest.mark.parametrize("state", [State.PAUSED, State.DONE, State.FAILED])
def test_a_job_that_does_not_run_does_not_age(state: State) -> None:
    assert aged(replace(SNAPSHOT, state=state), NOW + timedelta(seconds=20)).seconds == 100.0
    assert aged(SNAPSHOT, NOW - timedelta(seconds=1)) == SNAPSHOT
