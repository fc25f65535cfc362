"""Temporary files, deadlocks, rollbacks, write-ahead log and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from devora_console.config.thresholds import HealthSettings
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.health.age import StatsAge
from devora_console.postgres.health.sample import Interval
from devora_console.postgres.health.snapshot import HealthLine, HealthSample, unknown_line
from devora_console.postgres.health.words import ago, count, figure, percent, plural, size

_SQL = (
    "SELECT datname, xact_commit, xact_rollback, deadlocks, temp_files, temp_bytes\n"
    "  FROM pg_stat_database WHERE datname = current_database();"
)
_LEAST_SECONDS = 3600.0  # a rate per hour or day is not told from less
_LEAST_CHECKPOINTS = 10


@dataclass(frozen=True, slots=True)
class IoPart:
    """``sample`` counts since the statistics began, ``interval`` since the sample before (None without one).

    ``checksum_failures`` is None where the cluster has no data checksums.
    """

    as_of: datetime
    sample: HealthSample
    interval: Interval | Unknown | None
    checksum_failures: int | None
    lines: tuple[HealthLine, ...]


def judge_io(
    sample: HealthSample,
    interval: Interval | Unknown | None,
    checksum_failures: int | None,
    age: StatsAge,
    settings: HealthSettings,
) -> IoPart:
    """The part with its lines: failures first, then rates since the counters began and what the interval adds."""
    lines = [
        *_checksums(checksum_failures),
        _known(_temp(sample, age, settings), age),
        _known(_deadlocks(sample, age, settings), age),
        _rollbacks(sample, age, settings),
        _checkpoints(sample, settings),
        _wal(sample),
    ]
    if isinstance(interval, Unknown):
        lines.append(unknown_line("io.interval", "interval", interval))
    elif interval is not None:
        lines.append(_known(_interval(interval), age))
    return IoPart(sample.as_of, sample, interval, checksum_failures, tuple(lines))


def _checksums(failures: int | None) -> list[HealthLine]:
    if not failures:
        return []
    return [
        HealthLine(
            "io.checksums",
            "io",
            "data checksums",
            Verdict.FAIL,
            f"{plural(failures, 'page')} of this database did not match the checksum when read",
            value=failures,
            threshold=0,
            why="pg_stat_database.checksum_failures. Something below PostgreSQL changed or lost data.",
            remedy="Save a copy before anything else; look at disks and memory; find the pages in the server log.",
            sql="SELECT datname, checksum_failures, checksum_last_failure FROM pg_stat_database;",
        )
    ]


def _known(line: HealthLine, age: StatsAge) -> HealthLine:
    """The line, unless its counter stands still: then its number says nothing."""
    if age.counting:
        return line
    return replace(line, verdict=Verdict.UNKNOWN, text=age.words, value=Unknown(age.words))


def _temp(sample: HealthSample, age: StatsAge, settings: HealthSettings) -> HealthLine:
    text = f"{plural(sample.temp_files, 'temporary file')}, {size(sample.temp_bytes)} ({age.words})"
    rate = _rate(sample.temp_bytes / 1e6, age, 3600)
    verdict = _by_rate(rate, settings.temp_mb_per_hour, sample.temp_files)
    if rate is not None:
        text += f", {rate:.1f} MB an hour"
    return HealthLine(
        "io.temp",
        "io",
        "temporary files",
        verdict,
        text,
        value=rate,
        threshold=settings.temp_mb_per_hour,
        why=f"Sorts and hashes that did not fit work_mem. Warns from {figure(settings.temp_mb_per_hour)} MB an hour "
        "on, judged from an hour of statistics on.",
        remedy="Find the statements (queries), and give those more work_mem." if verdict is Verdict.WARN else "",
        sql=_SQL,
    )


def _deadlocks(sample: HealthSample, age: StatsAge, settings: HealthSettings) -> HealthLine:
    rate = _rate(sample.deadlocks, age, 86_400)
    verdict = _by_rate(rate, settings.deadlocks_per_day, sample.deadlocks)
    text = f"{plural(sample.deadlocks, 'deadlock')} ({age.words})"
    return HealthLine(
        "io.deadlocks",
        "io",
        "deadlocks",
        verdict,
        text + (f", {rate:.2f} a day" if rate and sample.deadlocks else ""),
        value=rate,
        threshold=settings.deadlocks_per_day,
        why=f"Each ended a transaction with 40P01. Warns from {figure(settings.deadlocks_per_day)} a day on, judged "
        "from an hour of statistics on.",
        remedy="The server log names the statements; lock rows in the same order." if verdict is Verdict.WARN else "",
        sql=_SQL,
    )


def _rollbacks(sample: HealthSample, age: StatsAge, settings: HealthSettings) -> HealthLine:
    total = sample.commits + sample.rollbacks
    enough = total >= settings.rollback_min_transactions and total > 0
    share = 100 * sample.rollbacks / total if total else None
    verdict = Verdict.NONE
    if not age.counting:
        verdict = Verdict.UNKNOWN
    elif enough and share is not None:
        verdict = Verdict.WARN if share >= settings.rollback_percent else Verdict.OK
    text = f"{percent(sample.rollbacks, total)} of {plural(total, 'transaction')} rolled back ({age.words})"
    if not total:
        text = f"no data: no transaction has ended ({age.words})"
    elif not enough:
        text += ", too few for a verdict"
    return HealthLine(
        "io.rollbacks",
        "io",
        "rollbacks",
        verdict,
        text if age.counting else age.words,
        value=share,
        threshold=settings.rollback_percent,
        why=f"Warns from {figure(settings.rollback_percent)} % on, judged from "
        f"{figure(settings.rollback_min_transactions)} transactions on. "
        "Read-only tools that end with ROLLBACK count too.",
        remedy="The server log says why statements fail." if verdict is Verdict.WARN else "",
        sql=_SQL,
    )


def _checkpoints(sample: HealthSample, settings: HealthSettings) -> HealthLine:
    timed, requested = sample.checkpoints_timed, sample.checkpoints_requested
    title = "checkpoints of the server"
    if isinstance(timed, Unknown) or isinstance(requested, Unknown):
        return unknown_line("io.checkpoints", title, timed if isinstance(timed, Unknown) else Unknown("not told"))
    total = timed + requested
    since = "since an unknown moment"
    if sample.shared_since is not None:
        since = f"since {ago((sample.as_of - sample.shared_since).total_seconds())}"
    share = 100 * requested / total if total else None
    verdict = Verdict.NONE
    if share is not None and total >= _LEAST_CHECKPOINTS:
        verdict = Verdict.WARN if share > settings.forced_checkpoint_percent else Verdict.OK
    return HealthLine(
        "io.checkpoints",
        "io",
        title,
        verdict,
        f"{count(timed)} by time, {count(requested)} requested ({since})",
        value=share,
        threshold=settings.forced_checkpoint_percent,
        why="A requested one comes from much write-ahead log (max_wal_size), a CHECKPOINT command, a base backup or "
        f"CREATE DATABASE; the counters do not tell which. Warns above {figure(settings.forced_checkpoint_percent)} % "
        f"requested, judged from {_LEAST_CHECKPOINTS} checkpoints on.",
        remedy="If log_checkpoints says 'wal', raise max_wal_size; otherwise they are somebody's wish."
        if verdict is Verdict.WARN
        else "",
        sql="SHOW max_wal_size;",
    )


def _wal(sample: HealthSample) -> HealthLine:
    if isinstance(sample.wal_bytes, Unknown):
        return unknown_line("io.wal", "write-ahead log of the server", sample.wal_bytes)
    return HealthLine(
        "io.wal",
        "io",
        "write-ahead log of the server",
        Verdict.NONE,
        f"{size(sample.wal_bytes)} written since its counters began",
        value=sample.wal_bytes,
        why="pg_stat_wal, of the whole server.",
        sql="SELECT wal_bytes, stats_reset FROM pg_stat_wal;",
    )


def _interval(interval: Interval) -> HealthLine:
    rate = (interval.commits + interval.rollbacks) / interval.seconds
    wal = "" if isinstance(interval.wal_bytes, Unknown) else f", {size(interval.wal_bytes)} of log (server)"
    return HealthLine(
        "io.interval",
        "io",
        "interval",
        Verdict.NONE,
        f"{rate:.1f} transactions a second, {count(interval.blocks_read)} blocks read, "
        f"{size(interval.temp_bytes)} temporary, {plural(interval.deadlocks, 'deadlock')}{wal} "
        f"in the last {interval.seconds:.1f} s",
        value=rate,
        why="The difference of two samples. Sessions report their counters at most once a second, and when their "
        "transaction ends; this console's own are among them.",
        sql=_SQL,
    )


def _rate(amount: float, age: StatsAge, per: float) -> float | None:
    if isinstance(age.seconds, Unknown) or age.seconds < _LEAST_SECONDS:
        return None
    return amount * per / age.seconds


def _by_rate(rate: float | None, threshold: float, number: int) -> Verdict:
    """Too short a window gives no verdict: neither good nor bad."""
    if rate is None:
        return Verdict.NONE
    return Verdict.WARN if number and rate >= threshold else Verdict.OK
