"""Measuring the bloat of one table with pgstattuple, by OID, where the extension is installed."""

from __future__ import annotations

from dataclasses import dataclass

from devora_console.core.problems import usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.names import quoted
from devora_console.postgres.sqlfiles import sql
from devora_console.postgres.watch.guest import HERE, NO_ANSWER, Guest

_SECONDS = 120.0
_KINDS = {
    "p": "a partitioned table holds nothing itself; measure its partitions",
    "i": "it is an index; indexes are measured by pgstatindex",
    "I": "it is a partitioned index",
    "v": "a view holds nothing",
    "S": "it is a sequence",
    "f": "it is a foreign table; its data are elsewhere",
    "c": "it is a composite type",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What pgstattuple_approx found: bytes and rows; ``scanned_percent`` of the pages were read, the rest is known to
    hold no dead rows. ``free`` bytes can be used by new rows, ``dead`` ones after a vacuum.
    """

    oid: int
    schema: str
    name: str
    bytes: int
    scanned_percent: float
    rows: int
    live: int
    dead_rows: int
    dead: int
    free: int


async def find_relation(guest: Guest, name: str) -> tuple[int, str, str, str]:
    """OID, schema, name and kind of a relation as a person names it. Raises ConsoleError (exit 2)."""
    rows = await guest.ask("health_find", name)
    if not isinstance(rows, Unknown) and not rows:
        rows = await guest.query(sql(HERE, "health_find_folded"), name)  # a bad name is no lasting failure
    if isinstance(rows, Unknown):
        raise usage_error("relation_name", f"'{name}' is not the name of a table", "Write SCHEMA.TABLE")
    if not rows:
        raise usage_error("relation_missing", f"There is no table '{name}' in database {guest.host.database}")
    first = rows[0]
    exact = f"{first['schema']}.{first['name']}" == name
    if len(rows) > 1 and not exact:
        places = ", ".join(f"{row['schema']}.{row['name']}" for row in rows)
        raise usage_error("relation_ambiguous", f"'{name}' may be {places}", "Name the schema too")
    return first["oid"], first["schema"], first["name"], first["kind"]


async def measure(guest: Guest, oid: int) -> Measured | Unknown:
    """The bloat of one table, or the reason why it cannot be measured.

    Pages that are known to be visible to all are not read; the others are, so a large table that was not vacuumed
    takes as long as reading it.
    """
    row = await guest.one("health_relation", oid)
    if isinstance(row, Unknown):
        return Unknown("the table is gone") if row == NO_ANSWER else row
    if row["kind"] in _KINDS:
        return Unknown(_KINDS[row["kind"]])
    if row["access_method"] != "heap":
        return Unknown(f"its access method is {row['access_method']}; pgstattuple measures heap tables")
    if row["locked"]:
        return Unknown("another session holds or awaits an exclusive lock on it", "See: locks")
    extension = guest.host.extensions.get("pgstattuple")
    if extension is None:
        return Unknown("the extension pgstattuple is not installed here", "CREATE EXTENSION pgstattuple; (superuser)")
    call = f"SELECT * FROM {quoted(extension.schema)}.pgstattuple_approx($1::oid::regclass)"  # noqa: S608 - quoted
    rows = await guest.query(call, oid, seconds=_SECONDS)
    if isinstance(rows, Unknown):
        if rows.reason.startswith("not allowed"):
            return Unknown(rows.reason, "GRANT pg_stat_scan_tables to this user, as a superuser")
        return rows
    found = rows[0]
    return Measured(
        oid,
        row["schema"],
        row["name"],
        found["table_len"],
        found["scanned_percent"],
        round(found["approx_tuple_count"]),
        round(found["approx_tuple_len"]),
        found["dead_tuple_count"],
        found["dead_tuple_len"],
        round(found["approx_free_space"]),
    )
