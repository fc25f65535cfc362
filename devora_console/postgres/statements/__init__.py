"""Statements: what pg_stat_statements counted over an interval and since its reset, and what runs now."""

from devora_console.postgres.statements.figures import (
    Extremes,
    Figures,
    change_percent,
    extremes,
    figures,
    over_interval,
)
from devora_console.postgres.statements.history import RING, trends
from devora_console.postgres.statements.judge import interval, share, share_since, since_reset, slow
from devora_console.postgres.statements.layout import laid_out
from devora_console.postgres.statements.listing import SORTS, in_window, listed, ranking
from devora_console.postgres.statements.read import read_numbers, read_running
from devora_console.postgres.statements.snapshot import (
    Bound,
    Counters,
    Info,
    Key,
    Mark,
    Place,
    QueriesSnapshot,
    Running,
    RunningSnapshot,
    Share,
    Statement,
    StatementsSample,
    StatementsSnapshot,
    Window,
)
from devora_console.postgres.statements.texts import Texts

__all__ = [
    "RING",
    "SORTS",
    "Bound",
    "Counters",
    "Extremes",
    "Figures",
    "Info",
    "Key",
    "Mark",
    "Place",
    "QueriesSnapshot",
    "Running",
    "RunningSnapshot",
    "Share",
    "Statement",
    "StatementsSample",
    "StatementsSnapshot",
    "Texts",
    "Window",
    "change_percent",
    "extremes",
    "figures",
    "in_window",
    "interval",
    "laid_out",
    "listed",
    "over_interval",
    "ranking",
    "read_numbers",
    "read_running",
    "share",
    "share_since",
    "since_reset",
    "slow",
    "trends",
]
