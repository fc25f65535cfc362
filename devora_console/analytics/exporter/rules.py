"""Alert rules for Prometheus: what is worth waking somebody, with the thresholds of the settings."""

from __future__ import annotations

import json
from dataclasses import dataclass

from devora_console.analytics.exporter.family import PREFIX as P
from devora_console.analytics.exporter.registry import UNKNOWN
from devora_console.config.settings import Settings

JOB = "devora-console"
_SAME = "on (job, instance)"
_NOT_OVER = f'unless {_SAME} {P}cutover_state{{state="done"}} == 1'
_NEVER_VERIFIED = (
    f'{UNKNOWN}{{what="{P}verification_current"}} == 1 and {_SAME} {P}migration_state{{state="done"}} == 1'
)
_LAG_SECONDS = 86_400
_SILENCE_SECONDS = 120
_EVENTS_SECONDS = 3_600
_CRITICAL_WRAPAROUND = 0.75
_WATCHED = ("deadlocks_total", "wraparound_ratio", "quarantine_open_documents", "database_blocks_hit_total")


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule. ``lasting``: how long it has to hold, in Prometheus' words; ``act`` is what to do about it."""

    name: str
    expr: str
    lasting: str
    severity: str
    summary: str
    act: str


def alerts(settings: Settings) -> tuple[Alert, ...]:
    """Every rule."""
    return (*_watching(), *_database(settings), *_migration(), *_product())


def _watching() -> tuple[Alert, ...]:
    watched = "|".join(f"{P}{each}" for each in _WATCHED)
    return (
        Alert(
            "DevoraExporterDown",
            f'up{{job="{JOB}"}} == 0 or absent(up{{job="{JOB}"}})',
            "2m",
            "critical",
            "The exporter does not answer: nothing below is known.",
            "Start devora-console metrics serve; look at its log",
        ),
        Alert(
            "DevoraServerAway",
            f"{P}up == 0",
            "1m",
            "critical",
            "{{ $labels.server }} does not answer the console.",
            "devora-console doctor",
        ),
        Alert(
            "DevoraFigureUnknown",
            f'{UNKNOWN}{{what=~"{watched}"}} == 1 unless {_SAME} {P}up{{server="postgres"}} == 0',
            "30m",
            "warning",
            "{{ $labels.what }} cannot be told: an alert that needs it is blind.",
            "devora-console metrics print --json says why",
        ),
    )


def _database(settings: Settings) -> tuple[Alert, ...]:
    health, activity = settings.health, settings.activity
    hit, read = (f"increase({P}database_blocks_{each}_total[15m])" for each in ("hit", "read"))
    wraparound = health.wraparound_percent / 100
    return (
        Alert(
            "DevoraCacheHitLow",
            f"{hit} / ({hit} + {read}) < {health.cache_hit_percent / 100:g} "
            f"and {hit} + {read} > {health.cache_min_accesses:g}",
            "15m",
            "warning",
            f"Less than {health.cache_hit_percent:g} % of the blocks were found in shared buffers "
            "({{ $value | humanizePercentage }}).",
            "devora-console health --cache; devora-console queries",
        ),
        Alert(
            "DevoraDeadlocks",
            f"increase({P}deadlocks_total[1h]) > 0",
            "0m",
            "warning",
            "PostgreSQL has broken deadlocks within the last hour.",
            "devora-console health --io; the server's log names the statements",
        ),
        Alert(
            "DevoraLockWait",
            f"{P}lock_longest_wait_seconds > {activity.lock_wait_seconds:g}",
            "1m",
            "warning",
            "A session has been waiting for a lock for {{ $value | humanizeDuration }}.",
            "devora-console locks",
        ),
        Alert(
            "DevoraConnectionsFew",
            f"{P}connections / {P}connections_usable > {activity.connections_percent / 100:g}",
            "5m",
            "warning",
            "{{ $value | humanizePercentage }} of the usable connections are in use.",
            "devora-console activity",
        ),
        Alert(
            "DevoraWraparound",
            f"{P}wraparound_ratio > {wraparound:g}",
            "10m",
            "warning",
            "The oldest {{ $labels.id }} id is {{ $value | humanizePercentage }} of the way to a stop of the server.",
            "devora-console health --wraparound",
        ),
        Alert(
            "DevoraWraparoundNear",
            f"{P}wraparound_ratio > {max(_CRITICAL_WRAPAROUND, wraparound):g}",
            "1m",
            "critical",
            "The oldest {{ $labels.id }} id is {{ $value | humanizePercentage }} of the way to a stop of the server.",
            "devora-console health --wraparound, now",
        ),
        Alert(
            "DevoraReplicationLag",
            f"{P}replication_lag_seconds > {health.replica_lag_seconds:g}",
            "5m",
            "warning",
            "A standby is {{ $value | humanizeDuration }} behind.",
            "devora-console health --replication",
        ),
        Alert(
            "DevoraSequenceNearEnd",
            f"{P}sequence_used_ratio > {health.sequence_percent / 100:g}",
            "10m",
            "warning",
            "A sequence is used up to {{ $value | humanizePercentage }}.",
            "devora-console health --sequences",
        ),
    )


def _migration() -> tuple[Alert, ...]:
    return (
        Alert(
            "DevoraMigrationLag",
            f"{P}migration_lag_seconds > {_LAG_SECONDS} {_NOT_OVER}",
            "10m",
            "warning",
            "The last whole copy began {{ $value | humanizeDuration }} ago: what was written since is not in the "
            "target.",
            "devora-console migrate --execute",
        ),
        Alert(
            "DevoraMigrationSilent",
            f"{P}migration_silence_seconds > {_SILENCE_SECONDS}",
            "1m",
            "warning",
            "The running copy was last heard of {{ $value | humanizeDuration }} ago.",
            "devora-console migrate status",
        ),
        Alert(
            "DevoraMigrationFailed",
            f'{P}migration_state{{state=~"failed|stopped"}} == 1',
            "1m",
            "warning",
            "The latest copy has {{ $labels.state }}.",
            "devora-console migrate status; go on with migrate --execute --resume",
        ),
        Alert(
            "DevoraQuarantine",
            f"{P}quarantine_open_documents > 0",
            "5m",
            "warning",
            "{{ $value }} documents are in quarantine.",
            "devora-console quarantine list",
        ),
        Alert(
            "DevoraVerificationFailed",
            f"{P}verification_ok == 0",
            "0m",
            "critical",
            "The newest verification found differences between source and target.",
            "devora-console verify",
        ),
        Alert(
            "DevoraVerificationStale",
            f"({P}verification_current == 0 or {_NEVER_VERIFIED}) {_NOT_OVER}",
            "10m",
            "warning",
            "What was copied was never verified, or the newest verification does not count any more.",
            "devora-console verify",
        ),
        Alert(
            "DevoraGateRed",
            f'({P}gate_verdict{{verdict="fail"}} == 1 unless on (job, instance, gate) {P}gate_waived == 1) {_NOT_OVER}',
            "5m",
            "warning",
            "The gate {{ $labels.gate }} is shut.",
            "devora-console can-commit, or cutover plan",
        ),
        Alert(
            "DevoraCutoverWaits",
            f'{P}cutover_state{{state=~"paused|diverged"}} == 1',
            "5m",
            "critical",
            "The cutover is {{ $labels.state }}: somebody has to decide.",
            "devora-console cutover status",
        ),
    )


def _product() -> tuple[Alert, ...]:
    return (
        Alert(
            "DevoraEventsWaiting",
            f"{P}events_oldest_waiting_seconds > {_EVENTS_SECONDS} and {_SAME} {P}events_delivery_configured == 1",
            "10m",
            "warning",
            "Product events have been waiting for PostHog for {{ $value | humanizeDuration }}.",
            "devora-console analytics status",
        ),
    )


def rules(settings: Settings) -> str:
    """The file for Prometheus. JSON's strings are YAML's, too."""
    lines = ["# Made by devora-console metrics grafana; its settings are the thresholds.", "groups:"]
    lines += [f"  - name: {JOB}", "    rules:"]
    for each in alerts(settings):
        lines += [
            f"      - alert: {each.name}",
            f"        expr: {json.dumps(each.expr)}",
            f"        for: {each.lasting}",
            f"        labels: {{severity: {each.severity}}}",
            "        annotations:",
            f"          summary: {json.dumps(each.summary)}",
            f"          action: {json.dumps(each.act)}",
        ]
    return "\n".join(lines) + "\n"
