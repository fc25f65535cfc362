"""Why there are no statistics of statements: each way has its own words and its own remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devora_console.core.unknown import Unknown
from devora_console.postgres.names import quoted
from devora_console.postgres.statements.figures import UPDATE
from devora_console.postgres.statements.snapshot import Place

OLDEST = (1, 8)
_TRACK = "ALTER SYSTEM SET pg_stat_statements.track = 'top'; SELECT pg_reload_conf();"
_CREATE = "In this database, as a superuser: CREATE EXTENSION pg_stat_statements;"


def preload_sql(libraries: str | None) -> str:
    """How to load pg_stat_statements besides what is loaded already.

    Each library is a literal of its own: in one literal the commas would become part of a single name.

    >>> preload_sql('auto_explain, "$libdir/x"')
    "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', '$libdir/x', 'pg_stat_statements';"
    >>> preload_sql('')
    "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';"
    """
    names = [name.strip().strip('"') for name in (libraries or "").split(",") if name.strip()]
    listed = [name for name in names if name != "pg_stat_statements"] + ["pg_stat_statements"]
    literals = ", ".join("'" + name.replace("'", "''") + "'" for name in listed)
    return f"ALTER SYSTEM SET shared_preload_libraries = {literals};"


def grant_sql(quoted_reader: str, server: int, *, inherits: bool) -> str:
    """How to let a role see statements of others. One that inherits nothing needs more than membership.

    >>> grant_sql('ana', 150004, inherits=True), grant_sql('ana', 160000, inherits=False)
    ('GRANT pg_read_all_stats TO ana;', 'GRANT pg_read_all_stats TO ana WITH INHERIT TRUE;')
    """
    if server >= 160000:
        return f"GRANT pg_read_all_stats TO {quoted_reader}{'' if inherits else ' WITH INHERIT TRUE'};"
    more = "" if inherits else f" ALTER ROLE {quoted_reader} INHERIT;"
    return f"GRANT pg_read_all_stats TO {quoted_reader};{more}"


def place_of(row: Mapping[str, Any], version: tuple[int, ...], server: int) -> Place | Unknown:
    """The place that ``statements_place`` describes, or what is missing there (but for the library: ``unloaded``)."""
    if row["version"] is None:
        return Unknown("pg_stat_statements is loaded, but not created in this database", _CREATE)
    if version < OLDEST:
        said = f"pg_stat_statements is of version {row['version']} in this database; 1.8 is the oldest that can be read"
        return Unknown(said, UPDATE)
    grant = grant_sql(row["quoted_reader"], server, inherits=row["inherits"])
    if not (row["reachable"] and row["executable"]):
        remedy = f"As a superuser: {_access_sql(row, version, grant)}"
        return Unknown("this role may not read pg_stat_statements", remedy)
    off, elsewhere = row["track"] == "none", row["tracked_elsewhere"] or row["only_here"]
    if off and not elsewhere:
        return Unknown("pg_stat_statements.track is none: the server counts no statements", f"As a superuser: {_TRACK}")
    notes = []
    if off:
        notes.append(
            "pg_stat_statements.track is none for this session: only roles and databases with a setting of their own"
            f" are counted. As a superuser: {_TRACK}"
        )
    if row["track"] == "all" and version < (1, 9):
        notes.append(f"Nested statements cannot be told from others, so their time is counted twice. {UPDATE}")
    if version < (1, 9):
        notes.append(f"This version of the extension does not tell of evictions and resets. {UPDATE}")
    return Place(
        oid=row["oid"],
        version=version,
        schema=row["schema"],
        most=row["most"],
        track=row["track"],
        planning=row["planning"],
        io_timing=row["io_timing"],
        reader=row["reader"],
        grant=grant,
        notes=tuple(notes),
    )


def _access_sql(row: Mapping[str, Any], version: tuple[int, ...], grant: str) -> str:
    """What this role lacks to read it, and no more: a schema of extensions may hold functions that are not for it."""
    schema, reader = quoted(row["schema"]), row["quoted_reader"]
    names = ("pg_stat_statements", "pg_stat_statements_info")[: 1 if version < (1, 9) else 2]
    wanted = [] if row["reachable"] else [f"GRANT USAGE ON SCHEMA {schema} TO {reader};"]
    if not row["executable"]:
        wanted.append(f"GRANT EXECUTE ON FUNCTION {', '.join(f'{schema}.{name}' for name in names)} TO {reader};")
    return " ".join([*wanted, *([] if row["sees_all"] else [grant])])


def unloaded(created: bool, in_file: str | None, preload: str | None, *, superuser: bool) -> Unknown:
    """The library is not loaded. ``in_file``: the setting the next start will use; ``preload``: the one in force.

    Either may be None where this role may not know.
    """
    then = "" if created else f" Then: {_CREATE}"
    if in_file is not None and "pg_stat_statements" in in_file:
        return Unknown(
            "pg_stat_statements is to be loaded, but the server was not restarted since", f"Restart PostgreSQL.{then}"
        )
    known = preload if in_file is None else in_file
    keep = "" if known is not None else " (add what the list holds already: this role may not see it)"
    who = "" if superuser else "As a superuser: "
    said = "created in this database, but not" if created else "neither created in this database nor"
    return Unknown(
        f"pg_stat_statements is {said} loaded at the server's start, so nothing is counted",
        f"{who}{preload_sql(known)}{keep} Then restart PostgreSQL.{then}",
    )


def unavailable() -> Unknown:
    """The server's installation has no pg_stat_statements at all."""
    return Unknown(
        "the server's installation has no pg_stat_statements",
        "Install PostgreSQL's contrib modules on the server (package postgresql-contrib), then look here again",
    )
