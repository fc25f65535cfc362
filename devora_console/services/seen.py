"""What can be told of a job from its snapshots, although it does not say so itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from devora_console.migration.progress import CollectionState, MigrationSnapshot, Phase, State

_ONLY_BULK = (Phase.PREPARE, Phase.VECTORS, Phase.DOCUMENTS, Phase.INDEXES, Phase.CONSTRAINTS)


def sets_aside(snapshot: MigrationSnapshot) -> bool:
    """Whether the snapshot shows that indexes, keys and triggers are aside.

    It has a phase that only such a load has; or tables are filled side by side, for which no key may hold.
    """
    filling = sum(each.state is CollectionState.WRITING and each.policy == "map" for each in snapshot.collections)
    return snapshot.phase in _ONLY_BULK or filling > 1


def aged(snapshot: MigrationSnapshot, now: datetime) -> MigrationSnapshot:
    """The snapshot of a job that has been silent since: the clocks of the run and of its phase have gone on.

    ``as_of`` stays: it is when the job was last heard of.
    """
    quiet = (now - snapshot.as_of).total_seconds()
    if snapshot.state is not State.RUNNING or quiet <= 0:
        return snapshot
    phases = snapshot.phases
    if phases and not phases[-1].finished:
        phases = (*phases[:-1], replace(phases[-1], seconds=phases[-1].seconds + quiet))
    return replace(snapshot, seconds=snapshot.seconds + quiet, phases=phases)
