"""Replication: how far a standby is, who receives from this server, and what replication slots keep."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from devora_console.config.thresholds import HealthSettings
from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.postgres.encodings import decode
from devora_console.postgres.health.snapshot import HealthLine, only_first, unknown_line
from devora_console.postgres.health.words import figure, size
from devora_console.postgres.watch.guest import Guest

_MOST_LINES = 12
_MOMENT = 1.0
_REPLAY = "SELECT pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), pg_last_xact_replay_timestamp();"
_SLOTS = "SELECT slot_name, active, wal_status, restart_lsn, safe_wal_size FROM pg_replication_slots;"
_REPLICAS = "SELECT pid, application_name, state, sync_state, replay_lsn, replay_lag FROM pg_stat_replication;"


@dataclass(frozen=True, slots=True)
class Replay:
    """A standby. ``waiting_bytes`` are received and not replayed; ``seconds`` is the age of the last transaction that
    was replayed, which grows too while the primary is idle; ``delay_seconds`` is wanted (recovery_min_apply_delay).
    ``streams`` (a primary is named) is None where this user may not know. None elsewhere: there is nothing of it yet.
    """

    standby: bool
    receiving: bool
    streams: bool | None
    paused: str | None
    waiting_bytes: int | None
    seconds: float | None
    delay_seconds: float | None


@dataclass(frozen=True, slots=True)
class Replica:
    """A receiver of this server's log. ``behind_bytes``: written here and not replayed there; ``lag_seconds``: how long
    that takes, None when all was replayed for a while. ``state`` None: hidden from this user.
    """

    pid: int
    application: str
    state: str | None
    sync_state: str | None
    behind_bytes: int | None
    lag_seconds: float | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot. ``kept_bytes`` of log are there for it, None when it keeps none; ``safe_bytes`` may yet be
    written before it loses some, None without a limit. ``inactive_seconds`` and ``invalid`` (why): from 17 on.
    """

    name: str
    kind: str
    database: str | None
    temporary: bool
    active: bool
    wal_status: str | None
    safe_bytes: int | None
    kept_bytes: int | None
    inactive_seconds: float | None
    invalid: str | None


@dataclass(frozen=True, slots=True)
class ReplicationPart:
    """``replay`` is None on a server that is no standby."""

    as_of: datetime
    replay: Replay | Unknown | None
    replicas: tuple[Replica, ...] | Unknown
    slots: tuple[Slot, ...] | Unknown
    lines: tuple[HealthLine, ...]


async def read_replication(guest: Guest, now: datetime, settings: HealthSettings) -> ReplicationPart:
    """Everything about replication. Raises ConsoleError when the connection is lost."""
    replay = await _read_replay(guest)
    if isinstance(replay, Replay) and _late(replay, settings):
        # After a pause of the primary the first new transaction looks late for the moment that its replay takes.
        await asyncio.sleep(_MOMENT)
        replay = await _read_replay(guest)
    found = await guest.ask("health_replicas")
    replicas: tuple[Replica, ...] | Unknown = (
        found
        if isinstance(found, Unknown)
        else tuple(Replica(**{**each, "application": decode(each["application"]) or ""}) for each in map(dict, found))
    )
    kept = await guest.ask("health_slots")
    slots: tuple[Slot, ...] | Unknown = (
        kept
        if isinstance(kept, Unknown)
        else tuple(Slot(**{**each, "database": decode(each["database"])}) for each in map(dict, kept))
    )
    return ReplicationPart(now, replay, replicas, slots, tuple(judge_replication(replay, replicas, slots, settings)))


async def _read_replay(guest: Guest) -> Replay | Unknown | None:
    row = await guest.one("health_replay")
    if isinstance(row, Unknown):
        return row
    return Replay(**dict(row)) if row["standby"] else None


def _late(replay: Replay, settings: HealthSettings) -> bool:
    """Whether something waits to be replayed, and what was replayed last is older than it may be."""
    if not replay.receiving or not replay.waiting_bytes or replay.seconds is None:
        return False
    return replay.seconds - (replay.delay_seconds or 0.0) >= settings.replica_lag_seconds


def judge_replication(
    replay: Replay | Unknown | None,
    replicas: Sequence[Replica] | Unknown,
    slots: Sequence[Slot] | Unknown,
    settings: HealthSettings,
) -> list[HealthLine]:
    """A line for the standby itself, for each receiver and for each slot; one that says that there is none of them."""
    lines: list[HealthLine] = []
    if isinstance(replay, Unknown):
        lines.append(unknown_line("replication.replay", "standby", replay, _REPLAY))
    elif replay is not None:
        lines.append(_replay(replay, settings))
    if isinstance(replicas, Unknown):
        lines.append(unknown_line("replication.receivers", "receivers", replicas, _REPLICAS))
    else:
        lines += only_first([_replica(each, settings) for each in replicas], _MOST_LINES, "receivers")
    if isinstance(slots, Unknown):
        lines.append(unknown_line("replication.slots", "replication slots", slots, _SLOTS))
    else:
        lines += only_first([_slot(each, settings) for each in slots], _MOST_LINES, "slots")
    if lines:
        return lines
    text = "no standby, and no other receiver, is connected just now, and there are no replication slots"
    why = "A standby that is fed from an archive, or not connected, and without a slot, cannot be seen from here."
    return [HealthLine("replication.none", "replication", "replication", Verdict.NONE, text, why=why, sql=_REPLICAS)]


def _replay(replay: Replay, settings: HealthSettings) -> HealthLine:
    verdict, text, remedy = _replayed(replay, settings)
    if replay.seconds is not None:
        text += f"; the last transaction it replayed ended {span(max(0.0, replay.seconds))} ago on the primary"
    return HealthLine(
        "replication.replay",
        "replication",
        "this standby",
        verdict,
        text,
        value=replay.waiting_bytes,
        threshold=settings.replica_lag_seconds,
        why="What was received is compared with what was replayed. The age of the last transaction alone is no lag: "
        "it grows while the primary does nothing, and counts only while something waits to be replayed. Warns from "
        f"{figure(settings.replica_lag_seconds)} s on.",
        remedy=remedy,
        sql=_REPLAY,
    )


def _replayed(replay: Replay, settings: HealthSettings) -> tuple[Verdict, str, str]:
    if replay.paused is not None and replay.paused != "not paused":
        return Verdict.WARN, f"replay is {replay.paused}", "SELECT pg_wal_replay_resume(), once nobody needs the pause."
    if not replay.receiving:
        text = "it receives nothing from a primary just now, so how far it is behind is not known"
        if replay.streams is False:
            return Verdict.UNKNOWN, f"{text} (no primary is named: it is fed from an archive, if at all)", ""
        remedy = "Its log says why; see that the primary runs, takes its login and still has the log it needs."
        return Verdict.UNKNOWN if replay.streams is None else Verdict.WARN, text, remedy
    if not replay.waiting_bytes:
        # Nothing waits here; what the primary has not sent yet cannot be seen from here.
        return Verdict.OK, "connected to its primary, and all that was received is replayed", ""
    text = f"connected to its primary; {size(replay.waiting_bytes)} received and not replayed yet"
    wanted = replay.delay_seconds or 0.0
    if wanted:
        text += f" (recovery_min_apply_delay keeps it {span(wanted)} behind)"
    if not _late(replay, settings):
        return Verdict.OK, text, ""
    return Verdict.WARN, text, "See what replay waits for (activity --all): a query here, or slow disks."


def _replica(each: Replica, settings: HealthSettings) -> HealthLine:
    verdict, remedy = Verdict.OK, ""
    if each.state is None:
        verdict, remedy = Verdict.UNKNOWN, "GRANT pg_monitor to this user, as a superuser"
        text = "connected; how far it is, is hidden from this user"
    elif each.behind_bytes is None:
        verdict, text = Verdict.NONE, f"{each.state}; it does not tell how far it is"
    else:
        text = f"{each.state}, {each.sync_state}: {size(max(0, each.behind_bytes))} behind"
        if each.lag_seconds is not None:
            text += f"; what it replayed last came {span(max(0.0, each.lag_seconds))} late"
        late = each.behind_bytes > 0 and (each.lag_seconds or 0.0) >= settings.replica_lag_seconds
        if late or each.behind_bytes >= settings.replica_behind_mb * 1e6:
            verdict, remedy = Verdict.WARN, "See the standby's own health, and the network between the two."
    return HealthLine(
        f"replication.receiver.{each.pid}",
        "replication",
        f"receiver {each.application or 'without a name'}, pid {each.pid}",
        verdict,
        text,
        value=each.lag_seconds,
        threshold=settings.replica_lag_seconds,
        why="pg_stat_replication: written here against replayed there. A receiver that stands still does not become "
        "later by its own measure, so what it lacks counts too. Warns from "
        f"{figure(settings.replica_lag_seconds)} s on while it lacks anything, and from "
        f"{figure(settings.replica_behind_mb)} MB on.",
        remedy=remedy,
        sql=_REPLICAS,
    )


def _slot(each: Slot, settings: HealthSettings) -> HealthLine:
    verdict, text, remedy = _slot_state(each, settings)
    literal = each.name.replace("'", "''")
    return HealthLine(
        f"replication.slot.{each.name}",
        "replication",
        f"{each.kind} slot {each.name}",
        verdict,
        text,
        value=each.kept_bytes,
        threshold=settings.slot_retained_mb * 1e6,
        why="A slot that nobody uses keeps log until the disk is full, or max_slot_wal_keep_size makes it invalid. "
        f"Warns from {figure(settings.slot_retained_mb)} MB on while it is not in use, and when it is invalid.",
        remedy=remedy,
        sql=f"SELECT pg_drop_replication_slot('{literal}');" if remedy else _SLOTS,
    )


def _slot_state(each: Slot, settings: HealthSettings) -> tuple[Verdict, str, str]:
    drop = "Drop it when its consumer is gone for good; else start the consumer."
    used = "in use" if each.active else "not in use"
    if each.inactive_seconds is not None and not each.active:
        used += f" for {span(max(0.0, each.inactive_seconds))}"
    if each.wal_status == "lost" or each.invalid:
        why = f" ({one_line(each.invalid, 60)})" if each.invalid else ""
        return Verdict.WARN, f"invalid{why}: its consumer cannot go on with it, and must start anew", "Drop it."
    if each.kept_bytes is None:
        return Verdict.NONE, f"{used}; it has kept no log yet", ""
    text = f"{used}; keeps {size(max(0, each.kept_bytes))} of log"
    if each.safe_bytes is not None:
        text += f", may fall behind by another {size(max(0, each.safe_bytes))} before it loses some"
    if each.wal_status == "unreserved":
        return Verdict.FAIL, f"{text}; the next checkpoint may remove log that it needs", drop
    if not each.active and each.kept_bytes >= settings.slot_retained_mb * 1e6:
        return Verdict.WARN, text, drop
    return Verdict.OK if each.active else Verdict.NONE, text, ""
