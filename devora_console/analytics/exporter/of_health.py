"""Metrics of the database's health: cache, counters, bloat, dead rows, sizes, wraparound, replication, sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from devora_console.analytics.exporter.family import About, Family, Kind, Value, Values, largest
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.bloat import BloatPart
from devora_console.postgres.health.cache import CachePart
from devora_console.postgres.health.due import AutovacuumSettings
from devora_console.postgres.health.io import IoPart
from devora_console.postgres.health.replication import ReplicationPart
from devora_console.postgres.health.sample import Interval
from devora_console.postgres.health.sequences import SequencesPart
from devora_console.postgres.health.sizes import SizesPart
from devora_console.postgres.health.snapshot import SECTIONS, HealthSample, HealthSnapshot, Part
from devora_console.postgres.health.vacuum import VacuumPart
from devora_console.postgres.health.wraparound import WraparoundPart

_ENOUGH = 1000  # block accesses: the ratio of fewer says nothing
_NOT_READ = Unknown("this section of health could not be read")
_OFF = Unknown("track_counts is off: nothing is counted", "Set track_counts = on")
_VERDICTS = (Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN)


def _part(seen: HealthSnapshot, name: str) -> Part | Unknown:
    return seen.parts.get(name, _NOT_READ)


def _counting(seen: HealthSnapshot) -> bool:
    vacuum = _part(seen, "vacuum")
    server = vacuum.autovacuum if isinstance(vacuum, VacuumPart) else None
    return server.counting if isinstance(server, AutovacuumSettings) else True


def _counter(read: Callable[[HealthSample], Values]) -> Callable[[HealthSnapshot, About], Values]:
    def value(seen: HealthSnapshot, _: About) -> Values:
        part = _part(seen, "io")
        if not isinstance(part, IoPart):
            return part if isinstance(part, Unknown) else _NOT_READ
        return read(part.sample) if _counting(seen) else _OFF

    return value


def _hit_ratio(seen: HealthSnapshot, _: About) -> Values:
    part = _part(seen, "cache")
    if not isinstance(part, CachePart):
        return part if isinstance(part, Unknown) else _NOT_READ
    found = part.interval
    if not isinstance(found, Interval):
        return found or Unknown("there is only one look yet", "Wait for the next one")
    asked = found.blocks_hit + found.blocks_read
    if asked < _ENOUGH:
        return Unknown(f"only {asked} blocks were asked for since the look before: too few for a ratio")
    return found.blocks_hit / asked


def _dead(seen: HealthSnapshot, about: About) -> Values:
    part = _part(seen, "vacuum")
    if not isinstance(part, VacuumPart):
        return part if isinstance(part, Unknown) else _NOT_READ
    if not _counting(seen):
        return _OFF
    return largest(((each.title, each.dead) for each in part.tables if each.dead), about.top)


def _due(seen: HealthSnapshot, _: About) -> Values:
    part = _part(seen, "vacuum")
    if not isinstance(part, VacuumPart):
        return part if isinstance(part, Unknown) else _NOT_READ
    return part.due if _counting(seen) else _OFF


def _bloat(seen: HealthSnapshot, about: About) -> Values:
    part = _part(seen, "bloat")
    if not isinstance(part, BloatPart):
        return part if isinstance(part, Unknown) else _NOT_READ
    wasted = [(f"{each.schema}.{each.name}", each.wasted) for each in part.tables]
    known = [(name, bytes_) for name, bytes_ in wasted if not isinstance(bytes_, Unknown)]
    if wasted and not known:
        return next(bytes_ for _, bytes_ in wasted if isinstance(bytes_, Unknown))
    return dict(largest(known, about.top))


def _sizes(seen: HealthSnapshot, about: About) -> Values:
    part = _part(seen, "sizes")
    if not isinstance(part, SizesPart):
        return part if isinstance(part, Unknown) else _NOT_READ
    rows = [(f"{each.schema}.{each.name}", float(each.bytes)) for each in part.tables]
    shown = sorted((bytes_ for _, bytes_ in rows), reverse=True)[: about.top]
    return largest(rows, about.top, rest=part.all_bytes - sum(shown))


def _wraparound(seen: HealthSnapshot, _: About) -> Values:
    part = _part(seen, "wraparound")
    if not isinstance(part, WraparoundPart):
        return part if isinstance(part, Unknown) else _NOT_READ
    return {
        ("transaction",): max(each.xid.age / each.xid.stop for each in part.databases),
        ("multixact",): max(each.mxid.age / each.mxid.stop for each in part.databases),
    }


def _replication(read: Callable[[ReplicationPart], Value]) -> Callable[[HealthSnapshot, About], Values]:
    def value(seen: HealthSnapshot, _: About) -> Values:
        part = _part(seen, "replication")
        if not isinstance(part, ReplicationPart):
            return part if isinstance(part, Unknown) else _NOT_READ
        return read(part)

    return value


def _lag(part: ReplicationPart) -> Value:
    """The worst of all standbys; of a standby its own. None without any: there is nothing that could be behind."""
    replay = part.replay
    if isinstance(replay, Unknown):
        return replay
    if replay is not None:
        return replay.seconds if replay.waiting_bytes else 0.0
    if isinstance(part.replicas, Unknown):
        return part.replicas
    if any(each.state is None for each in part.replicas):
        return Unknown("this login may not see how far standbys are", "GRANT pg_monitor to this user, as a superuser")
    # The server tells no lag to one that has replayed all and waits; nor before it has heard of one that has not.
    lags = [0.0 if not each.behind_bytes and each.lag_seconds is None else each.lag_seconds for each in part.replicas]
    known = [each for each in lags if each is not None]
    if lags and not known:
        return Unknown("the server does not tell how far the standby is behind in time yet", "Wait")
    return max(known, default=None)


def _behind(part: ReplicationPart) -> Value:
    if isinstance(part.replay, Unknown):
        return part.replay
    if part.replay is not None:
        return part.replay.waiting_bytes
    if isinstance(part.replicas, Unknown):
        return part.replicas
    behind = [each.behind_bytes for each in part.replicas]
    if None in behind:
        return Unknown("how far some standby is cannot be told")
    return max((each for each in behind if each is not None), default=None)


def _kept(part: ReplicationPart) -> Value:
    if isinstance(part.slots, Unknown):
        return part.slots
    return max((each.kept_bytes or 0 for each in part.slots), default=None)


def _sequence(seen: HealthSnapshot, _: About) -> Values:
    part = _part(seen, "sequences")
    if not isinstance(part, SequencesPart):
        return part if isinstance(part, Unknown) else _NOT_READ
    used = [each.used / each.span for each in part.sequences if each.used is not None and each.span]
    return max(used, default=None)


def _findings(seen: HealthSnapshot, _: About) -> Values:
    counts = Counter((line.section, line.verdict) for line in seen.lines)
    return {(section, verdict.value): counts[section, verdict] for section in SECTIONS for verdict in _VERDICTS}


_DATABASE, _REPLICATION = "pg_stat_database", "pg_stat_replication, pg_replication_slots"


def _counted(name: str, words: str, read: Callable[[HealthSample], Values], *labels: str) -> Family:
    return Family(name, words, "health", _DATABASE, _counter(read), labels, Kind.COUNTER)


def _replicated(name: str, words: str, read: Callable[[ReplicationPart], Value]) -> Family:
    return Family(name, words, "health", _REPLICATION, _replication(read))


FAMILIES = (
    _counted("database_blocks_hit", "Blocks found in shared buffers.", lambda sample: sample.blocks_hit),
    _counted("database_blocks_read", "Blocks read from outside of shared buffers.", lambda sample: sample.blocks_read),
    _counted(
        "transactions",
        "Transactions by how they ended.",
        lambda sample: {("commit",): sample.commits, ("rollback",): sample.rollbacks},
        "outcome",
    ),
    _counted("deadlocks", "Deadlocks that the server has broken.", lambda sample: sample.deadlocks),
    _counted("temporary_bytes", "Bytes written to temporary files.", lambda sample: sample.temp_bytes),
    _counted("wal_bytes", "Bytes of write-ahead log written by the server.", lambda sample: sample.wal_bytes),
    Family(
        "cache_hit_ratio",
        "Part of the blocks that were found in shared buffers, since the look before; of 1000 accesses at least.",
        "health",
        _DATABASE,
        _hit_ratio,
    ),
    Family(
        "table_dead_rows",
        "Dead rows of the tables with most of them; other: the rest of the first fifty.",
        "health",
        "pg_stat_all_tables",
        _dead,
        ("table",),
    ),
    Family("tables_vacuum_due", "Tables where autovacuum is due.", "health", "pg_stat_all_tables", _due),
    Family(
        "table_bloat_bytes",
        "Estimated waste of the tables with most of it; other: the rest of those that were estimated.",
        "health",
        "pg_stats, pg_class",
        _bloat,
        ("table",),
    ),
    Family(
        "table_size_bytes",
        "Size of the largest tables with their indexes; other: all the rest.",
        "health",
        "pg_total_relation_size()",
        _sizes,
        ("table",),
    ),
    Family(
        "wraparound_ratio",
        "Age of the oldest id of any database, as a part of where the server stops.",
        "health",
        "pg_database",
        _wraparound,
        ("id",),
    ),
    _replicated("replication_lag_seconds", "How far the worst standby is behind, while it has something to do.", _lag),
    _replicated("replication_lag_bytes", "Log that the worst standby has yet to replay.", _behind),
    _replicated("replication_slot_kept_bytes", "Log that is kept for a replication slot, the most of any.", _kept),
    Family(
        "sequence_used_ratio",
        "Used part of the sequence that is nearest to its end.",
        "health",
        "pg_sequences",
        _sequence,
    ),
    Family(
        "health_findings",
        "Findings of devora-console health by section and verdict.",
        "health",
        "devora-console health",
        _findings,
        ("section", "verdict"),
    ),
    Family(
        "indexes_size_bytes",
        "Size of all indexes of user schemas.",
        "indexes",
        "pg_relation_size()",
        lambda seen, _: seen.size_bytes,
    ),
)
