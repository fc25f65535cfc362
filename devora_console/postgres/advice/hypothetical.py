"""Asking the planner whether it would use an index that does not exist, with hypopg, in our own session only.

A hypothetical index is known to the session that made it and to nobody else. It is taken away again by its number:
nobody's prepared statements are thrown away, and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devora_console.config.thresholds import IndexesSettings
from devora_console.core.unknown import Unknown
from devora_console.postgres.advice.choose import Wanted
from devora_console.postgres.advice.scans import Read, read_scans
from devora_console.postgres.indexes.facts import TableFacts
from devora_console.postgres.names import quoted
from devora_console.postgres.plans.read import Author, document
from devora_console.postgres.plans.statement import Statement
from devora_console.postgres.watch.guest import Guest

_AGAIN_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """An index, and what the statement would cost with it, Unknown where the planner could not be asked."""

    wanted: Wanted
    cost: float | Unknown


async def ask_planner(
    guest: Guest,
    statement: Statement,
    author: Author | None,
    table: TableFacts,
    wanted: Wanted,
    before: Read,
    settings: IndexesSettings,
) -> Answer | str:
    """What the planner makes of the columns, or why it would not use them.

    Raises ConsoleError when the connection is lost, which takes hypothetical indexes with it.
    """
    if table.partitioned:
        return Answer(wanted, Unknown("hypopg knows no indexes of partitioned tables"))
    costs: list[float] = []
    for count in range(1, len(wanted.columns) + 1):
        found = await _cost_with(guest, statement, author, table, [each.key.quoted for each in wanted.columns[:count]])
        if isinstance(found, Unknown):
            return Answer(wanted, found)
        costs.append(before.cost if found is None else found)
    best = len(costs)
    if best > 1 and costs[-1] > _AGAIN_HALF * costs[0]:
        best = 1  # the second column has to halve it again
    if costs[best - 1] > before.cost * (1 - settings.suggest_saving_percent / 100):
        keys = ", ".join(each.key.name for each in wanted.columns)
        return (
            f"the planner was asked, and an index on {table.title} ({keys}) would not save enough:"
            f" cost {before.cost:.0f} -> {min(costs):.0f} (indexes.suggest_saving_percent ="
            f" {settings.suggest_saving_percent:g})"
        )
    return Answer(wanted.first(best), costs[best - 1])


async def _cost_with(
    guest: Guest, statement: Statement, author: Author | None, table: TableFacts, columns: Sequence[str]
) -> float | Unknown | None:
    """The statement's cost with the index; None where the planner leaves it alone."""
    schema = quoted(guest.host.extensions["hypopg"].schema)
    definition = f"CREATE INDEX ON {table.quoted} USING btree ({', '.join(columns)})"
    make = f"SELECT indexrelid::bigint AS oid, indexname::text AS name FROM {schema}.hypopg_create_index($1)"  # noqa: S608 - a quoted schema
    made = await guest.query(make, definition)
    if isinstance(made, Unknown):
        return Unknown(f"hypopg: {made.reason}", made.remedy)
    try:
        top = await document(guest, statement, author=author)
    finally:
        if not guest.connection.is_closed():
            drop = f"SELECT {schema}.hypopg_drop_index($1::bigint::oid)"
            for row in made:
                if isinstance(await guest.query(drop, row["oid"]), Unknown):
                    guest.connection.terminate()  # with the session it goes, and no later plan can be wrong by it
    if isinstance(top, Unknown):
        return Unknown(f"with the index it has no plan: {top.reason}", top.remedy)
    read = read_scans(top)
    return read.cost if {row["name"] for row in made} & read.indexes else None
