"""What the dashboard shows: one line for each panel, in rows."""

from __future__ import annotations

from dataclasses import dataclass

from devora_console.analytics.exporter.family import PREFIX


def of(name: str, *matchers: str) -> str:
    """A metric of ours at the chosen instance.

    >>> of("up", 'server="mongo"')
    'devora_console_up{instance=~"$instance",server="mongo"}'
    """
    return PREFIX + name + "{" + ",".join(('instance=~"$instance"', *matchers)) + "}"


@dataclass(frozen=True, slots=True)
class Panel:
    """``queries`` are expressions with the legend of their lines. ``kind``: "stat", "timeseries" or "table".

    ``unit`` is Grafana's; ``steps`` are values from which on the colour changes, with the colours.
    """

    title: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    about: str = ""
    steps: tuple[tuple[float | None, str], ...] = ((None, "text"),)
    words: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and its panels."""

    title: str
    panels: tuple[Panel, ...]


_GOOD_FROM_1 = ((None, "red"), (1.0, "green"))
_BAD_FROM_1 = ((None, "green"), (1.0, "red"))
_UP = (("0", "away"), ("1", "up"))
_RATE = "[5m]"
_SHUT = of("gate_verdict", 'verdict="fail"')

ROWS = (
    Row(
        "Now",
        (
            Panel("Servers", ((of("up"), "{{server}}"),), "stat", width=6, steps=_GOOD_FROM_1, words=_UP),
            Panel(
                "Latest copy", ((of("migration_state") + " == 1", "{{state}}"),), "stat", width=4, about="Its state."
            ),
            Panel(
                "Quarantine",
                ((of("quarantine_open_documents"), "documents"),),
                "stat",
                width=4,
                steps=_BAD_FROM_1,
                about="Documents that are neither mended nor waived.",
            ),
            Panel(
                "Gates shut",
                ((f"count({_SHUT} == 1) or 0 * count({of('gate_verdict')})", "shut"),),
                "stat",
                width=4,
                steps=_BAD_FROM_1,
                about="Gates that were measured and are red. Those that nobody measured are in the table below.",
            ),
            Panel("Cutover", ((of("cutover_state") + " == 1", "{{state}}"),), "stat", width=6),
        ),
    ),
    Row(
        "Migration",
        (
            Panel("Progress", ((of("migration_progress_ratio"), "of its phase"),), unit="percentunit"),
            Panel("Rows per second", ((of("migration_rows_per_second"), "rows"),), unit="rowsps"),
            Panel("Lag behind MongoDB", ((of("migration_lag_seconds"), "last whole copy"),), unit="s"),
            Panel("Documents", ((of("migration_documents"), "{{fate}}"),)),
            Panel(
                "Verification",
                (
                    (of("verification_ok"), "no difference"),
                    (of("verification_current"), "still counts"),
                ),
                about="1 yes, 0 no.",
            ),
            Panel("Age of the verification", ((of("verification_age_seconds"), "age"),), unit="s"),
            Panel("Gates", ((of("gate_verdict") + " == 1", "{{gate}}: {{verdict}}"),), "table", width=16),
            Panel("Steps of the cutover", ((of("cutover_steps"), "{{state}}"),)),
        ),
    ),
    Row(
        "Database",
        (
            Panel(
                "Cache hit",
                (
                    (
                        f"rate({of('database_blocks_hit_total')}{_RATE}) / "
                        f"(rate({of('database_blocks_hit_total')}{_RATE})"
                        f" + rate({of('database_blocks_read_total')}{_RATE}))",
                        "shared buffers",
                    ),
                ),
                unit="percentunit",
                steps=((None, "red"), (0.99, "green")),
            ),
            Panel("Transactions", ((f"rate({of('transactions_total')}{_RATE})", "{{outcome}}"),), unit="ops"),
            Panel(
                "Connections",
                ((of("connections"), "in use"), (of("connections_usable"), "usable")),
            ),
            Panel("Sessions", ((of("sessions"), "{{state}}"),)),
            Panel(
                "Slow statements",
                ((of("slow_statements"), "by their mean"), (of("slow_statements_running"), "running now")),
            ),
            Panel(
                "Load by statement",
                ((of("statement_load"), "{{queryid}}"),),
                about="Seconds of execution per second. The text: devora-console explain --queryid ID",
            ),
            Panel("Mean of the costliest", ((of("statement_mean_seconds"), "{{queryid}}"),), unit="s"),
            Panel("Waits for locks", ((of("lock_longest_wait_seconds"), "longest"),), unit="s"),
            Panel(
                "Blocked and deadlocks",
                (
                    (of("lock_waiting_sessions"), "waiting"),
                    (f"increase({of('deadlocks_total')}[1h])", "deadlocks within an hour"),
                ),
            ),
            Panel("Longest transaction", ((of("longest_transaction_seconds"), "open"),), unit="s"),
            Panel("Size of the database", ((of("database_size_bytes"), "database"),), unit="bytes"),
            Panel("Largest tables", ((of("table_size_bytes"), "{{table}}"),), unit="bytes"),
            Panel("Dead rows", ((of("table_dead_rows"), "{{table}}"),)),
            Panel("Bloat, estimated", ((of("table_bloat_bytes"), "{{table}}"),), unit="bytes"),
            Panel("Wraparound", ((of("wraparound_ratio"), "{{id}}"),), unit="percentunit"),
            Panel("Replication lag", ((of("replication_lag_seconds"), "worst standby"),), unit="s"),
            Panel("Log", ((f"rate({of('wal_bytes_total')}{_RATE})", "written"),), unit="Bps"),
            Panel("Findings", ((of("health_findings", 'verdict=~"warn|fail"'), "{{section}} {{verdict}}"),)),
        ),
    ),
    Row(
        "Search and product",
        (
            Panel("Searches", ((of("search_latency_seconds"), "P{{percentile}}"),), unit="s"),
            Panel(
                "RAG retrieval",
                ((of("rag_retrieval_mean_seconds"), "mean"), (of("rag_retrieval_p95_seconds"), "P95")),
                unit="s",
            ),
            Panel(
                "Documents to search",
                ((of("search_documents"), "all"), (of("search_documents_embedded"), "embedded, {{text}} text")),
            ),
            Panel("Active users", ((of("active_users"), "{{window}}"),)),
            Panel("Errors", ((of("error_ratio"), "of requests"),), unit="percentunit"),
            Panel("Monthly recurring revenue", ((of("mrr"), "{{currency}}"),), about="Never added over currencies."),
            Panel("Events", ((of("events"), "{{state}}"),)),
            Panel("Oldest event that waits", ((of("events_oldest_waiting_seconds"), "waiting"),), unit="s"),
        ),
    ),
    Row(
        "What is not known",
        (
            Panel(
                "Unknown",
                ((of("unknown") + " == 1", "{{what}}"),),
                "table",
                width=12,
                about="These are absent, never 0. Why: devora-console metrics print --json",
            ),
            Panel("Age of the samples", ((of("sample_age_seconds"), "{{sample}}"),), unit="s", width=12),
        ),
    ),
)
