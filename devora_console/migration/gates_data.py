"""Gates about what the copy has left in the target: documents in quarantine, rows without a search vector."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

import asyncpg

from devora_console.core.clock import iso
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, not_known
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.migration.gates import Scene
from devora_console.migration.target import quoted
from devora_console.postgres.gates import asked, listed
from devora_console.postgres.sqlfiles import sql

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_HERE = "devora_console.migration"
_TTL = timedelta(minutes=10)
_EXACT_BYTES = 1 << 30  # rows of larger tables are not counted: the first without a vector is looked for
_EXECUTE = "devora-console migrate --execute"
_VECTOR_SECONDS = 300.0


def quarantine_gate(scene: Scene) -> Gate:
    """``quarantine.empty``."""
    threshold = "none open, after a copy that came to its end"

    async def measure() -> Measurement:
        return await asked(
            scene.target, lambda connection: _quarantine(scene, connection, threshold), threshold=threshold
        )

    about = "Documents that could not be converted are kept whole. Each is mended, or waived by name with a reason."
    return Gate("quarantine.empty", "Quarantine is empty or waived", about, _TTL, measure)


async def _quarantine(scene: Scene, connection: Connection, threshold: str) -> Measurement:
    run = await connection.fetchrow(sql(_HERE, "gate_runs"))
    rows = await connection.fetch(sql(_HERE, "gate_quarantine"))
    still = {row["collection"]: row["open"] for row in rows if row["open"]}
    waived = {row["collection"]: row["waived"] for row in rows if row["waived"]}
    who = sorted({one_line(name, 80) for row in rows for name in row["who"] or ()})
    evidence: dict[str, object] = {"open": still, "waived": waived, "waived_by": who}
    if still:
        named = listed([f"{name} {count}" for name, count in still.items()], 10)
        return Measurement(
            Verdict.FAIL,
            f"{sum(still.values())} unresolved: {named}",
            threshold,
            f"devora_console.quarantine; {sum(waived.values())} more are waived.",
            f"devora-console quarantine list; mend them and {_EXECUTE}, or quarantine waive each with a reason",
            evidence=evidence,
        )
    if run is None:
        return not_known(Unknown("nothing has been copied into this target yet", _EXECUTE), threshold)
    reason = ""
    if run["state"] != "done":
        word = "is under way, or its process is gone" if run["state"] == "running" else f"ended as {run['state']}"
        reason = f"empty so far, but the latest copy, begun {iso(run['started_at'])}, {word}"
    elif run["mapping_hash"] != scene.mapping.hash:
        reason = f"empty, but the latest copy, begun {iso(run['started_at'])}, was by another mapping"
    if reason:
        return not_known(Unknown(reason, _EXECUTE), threshold)
    value = "empty"
    if waived:
        named = listed([f"{name} {count}" for name, count in waived.items()], 10)
        value = f"{sum(waived.values())} waived ({named}), none open"
    why = f"After the copy that ended {iso(run['finished_at'])}."
    why += f" {listed(who)}." if who else ""
    return Measurement(Verdict.OK, value, threshold, why, evidence=evidence)


def vectors_gate(scene: Scene) -> Gate:
    """``search.vectors``."""
    threshold = "no row without one"

    async def measure() -> Measurement:
        return await asked(
            scene.target,
            lambda connection: _vectors(connection, threshold),
            threshold=threshold,
            seconds=_VECTOR_SECONDS,
        )

    about = (
        "A row without its vector, or without its search document, is not found by a search. A load fills them in "
        "phases of their own, after the rows."
    )
    return Gate("search.vectors", "Search vectors are filled", about, _TTL, measure)


async def _vectors(connection: Connection, threshold: str) -> Measurement:
    columns = await connection.fetch(sql(_HERE, "gate_vectors"))
    if not columns:
        reason = Unknown("no table of schema public has a search vector", "devora-console schema apply")
        return not_known(reason, threshold)
    empty: list[str] = []
    counts: dict[str, object] = {}
    for row in columns:
        name, place = f"{row['table_name']}.{row['column_name']}", f"public.{quoted(row['table_name'])}"
        bare = f"{quoted(row['column_name'])} IS NULL"
        if row["bytes"] <= _EXACT_BYTES:
            found = await connection.fetchrow(
                f"SELECT count(*) AS total, count(*) FILTER (WHERE {bare}) AS bare FROM {place}"
            )
            assert found is not None
            counts[name] = {"rows": found["total"], "without": found["bare"]}
            if found["bare"]:
                empty.append(f"{name} {found['bare']} of {found['total']}")
        else:
            some = await connection.fetchval(f"SELECT EXISTS (SELECT FROM {place} WHERE {bare})")
            counts[name] = {"without": "some" if some else 0}
            if some:
                empty.append(f"{name}, at least one row")
    why = f"Looked at {listed([str(name) for name in counts], 10)}; rows are counted in tables of up to 1 GB."
    if empty:
        return Measurement(
            Verdict.FAIL,
            f"without a vector: {listed(empty)}",
            threshold,
            why,
            f"{_EXECUTE} fills what a load has left; else UPDATE the rows, which fires the trigger",
            evidence=counts,
        )
    total = sum(each["rows"] for each in counts.values() if isinstance(each, dict) and "rows" in each)
    counted = all(row["bytes"] <= _EXACT_BYTES for row in columns)
    value = f"every row of {len(counts)} tables"
    value += "" if not counted else f" ({total} rows)" if total else " (no row yet)"
    lost = await _documents(connection)
    if lost:
        return Measurement(
            Verdict.FAIL,
            f"search documents of {listed(lost)}",
            threshold,
            "What should have a search document by the tables, against those that are there.",
            "devora-console search refresh makes them anew",
            evidence=counts,
        )
    return Measurement(Verdict.OK, value, threshold, why, evidence=counts)


async def _documents(connection: Connection) -> list[str]:
    """What searches would miss, or find though it is gone, by kind; nothing before the schema has documents."""
    if await connection.fetchval("SELECT to_regclass('devora_console.file_documents') IS NULL"):
        return []
    rows = await connection.fetch(sql(_HERE, "gate_documents"))
    return [
        f"{row['kind']}s: {row['missing']} missing, {row['beyond']} too many"
        for row in rows
        if row["missing"] or row["beyond"]
    ]
