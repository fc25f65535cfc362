"""One table as autovacuum sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.health.due import AutovacuumSettings, Due, due
from devora_console.postgres.health.options import parse_options


@dataclass(frozen=True, slots=True)
class TableVacuum:
    """One table, or TOAST table (kind t, then ``toast_of``). Rows are the server's counters, moments its clock.

    ``locked_by`` is the pid of a session whose lock (``lock_mode``) keeps autovacuum away.
    """

    oid: int
    schema: str
    name: str
    kind: str
    toast_of: str | None
    rows: float
    live: int
    dead: int
    changed: int
    inserted: int
    last_vacuum: datetime | None
    last_autovacuum: datetime | None
    last_analyze: datetime | None
    last_autoanalyze: datetime | None
    locked_by: int | None
    lock_mode: str | None
    options: dict[str, str]
    due: Due | None  # None: the settings of autovacuum are not known

    @property
    def title(self) -> str:
        """Its name; a TOAST table goes by its table."""
        return f"TOAST of {self.toast_of}" if self.toast_of else f"{self.schema}.{self.name}"

    @property
    def vacuumed(self) -> datetime | None:
        """The later of both kinds of vacuum."""
        return max((each for each in (self.last_vacuum, self.last_autovacuum) if each), default=None)

    @property
    def dead_percent(self) -> float:
        """Dead rows in percent of all rows, 0 where there are none."""
        return 100 * self.dead / (self.live + self.dead) if self.dead else 0.0


def table_of(row: Any, server: AutovacuumSettings | Unknown) -> TableVacuum:
    """From a row of ``health_tables.sql``."""
    options = parse_options(row["options"])
    verdict = None
    if not isinstance(server, Unknown):
        verdict = due(
            server,
            options,
            rows=row["rows"],
            pages=row["pages"],
            all_frozen=row["all_frozen"],
            dead=row["dead"],
            inserted=row["inserted"],
            changed=row["changed"],
            # Autovacuum never analyses a TOAST table, nor pg_statistic.
            kind="t" if row["name"] == "pg_statistic" else row["kind"],
        )
    kept = ("oid", "schema", "name", "kind", "toast_of", "rows", "live", "dead", "changed", "inserted")
    times = ("last_vacuum", "last_autovacuum", "last_analyze", "last_autoanalyze", "locked_by", "lock_mode")
    return TableVacuum(**{name: row[name] for name in (*kept, *times)}, options=options, due=verdict)
