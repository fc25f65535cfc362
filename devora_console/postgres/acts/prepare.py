"""From what somebody asks to a plan that has passed every check, with its preview. Reads only."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from devora_console.config.thresholds import ActivitySettings
from devora_console.core.clock import span
from devora_console.core.console import Preview
from devora_console.core.problems import usage_error
from devora_console.core.unknown import Unknown
from devora_console.postgres.acts import effects
from devora_console.postgres.acts.model import CONSOLE, ON_SESSIONS, Kind, Plan, Request
from devora_console.postgres.acts.refusals import on_database, on_thing, refuse
from devora_console.postgres.acts.signals import prepare_signal
from devora_console.postgres.acts.things import Thing, find, known
from devora_console.postgres.watch.guest import TAG, Guest


async def prepare(
    guest: Guest,
    request: Request,
    limits: ActivitySettings,
    lock_timeout: float | None = None,
    console: Sequence[str] = CONSOLE,
) -> Plan:
    """The plan, whose command begins with the words of ``console``, which say the server too. Raises ConsoleError, each
    with the reason: exit 2 for what is not there, 4 for what cannot work.
    """
    patience = limits.act_lock_timeout_seconds if lock_timeout is None else lock_timeout
    if request.kind in ON_SESSIONS:
        return await prepare_signal(guest, request, patience, console)
    if not request.name:
        return _patient(await _on_database(guest, request, patience, console), lock_timeout)
    thing = await find(guest, request.kind, request.name)
    refuse(request, on_thing(request, thing, guest.host))
    return _patient(await _on_thing(guest, request, thing, patience, console), lock_timeout)


def _patient(plan: Plan, lock_timeout: float | None) -> Plan:
    """The plan, whose command repeats the patience that was asked for."""
    if lock_timeout is None:
        return plan
    command = f"{plan.preview.command} --lock-timeout {lock_timeout:g}"
    return replace(plan, preview=replace(plan.preview, command=command))


async def _on_thing(guest: Guest, request: Request, thing: Thing, patience: float, console: Sequence[str]) -> Plan:
    older = await _older(guest)
    size = await _size(guest, thing.oid, thing.about_bytes)
    undo: str | Unknown = ""
    if request.kind is Kind.VACUUM:
        statement = f"VACUUM{_options(request)} {thing.quoted}"
        effect = effects.vacuum_full(thing.words, size, patience) if request.full else effects.vacuum(thing, older)
    elif request.kind is Kind.ANALYZE:
        statement, effect = f"ANALYZE {thing.quoted}", effects.analyze(thing.words)
    elif request.kind is Kind.REINDEX:
        level = "INDEX" if thing.kind in ("i", "I") else "TABLE"
        statement = f"REINDEX {level} CONCURRENTLY {thing.quoted}"
        effect = effects.reindex(thing, await guest.ask("act_indexes", thing.oid), older, patience)
    elif request.kind is Kind.DROP_INDEX:
        statement = f"DROP INDEX CONCURRENTLY {thing.quoted}"
        definition = await guest.one("act_definition", thing.oid)
        undo = definition if isinstance(definition, Unknown) else f"{_concurrently(definition['definition'])};"
        effect = effects.drop_index(thing, size, older, patience)
    else:
        row = known(await guest.one("act_options", thing.oid))
        statement, undo = effects.storage(request, thing, row)
        effect = effects.autovacuum(request, thing, row)
    preview = Preview(
        title=f"{_title(request)} {thing.words} in {guest.host.database}",
        consequence=effect.consequence,
        locks=effect.locks + await _in_the_way(guest, thing, request.full),
        sql=f"{statement};",
        command=_command(request, thing.to_type, console),
        type_name=thing.to_type,
    )
    return Plan(request, thing.oid, thing.quoted, statement, preview, undo, patience)


async def _on_database(guest: Guest, request: Request, patience: float, console: Sequence[str]) -> Plan:
    if request.kind not in (Kind.VACUUM, Kind.ANALYZE, Kind.REINDEX):
        raise usage_error("no_name", f"{request.kind} needs the name of an object")
    rows = known(
        await guest.query(
            "SELECT pg_has_role(d.datdba, 'USAGE') OR coalesce((SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles r"
            " WHERE r.rolname = 'pg_maintain'), false) AS owned, quote_ident(d.datname) AS quoted"
            " FROM pg_catalog.pg_database d WHERE d.datname = current_database()"
        )
    )
    refuse(request, on_database(request, guest.host, rows[0]["owned"]))
    name, older = guest.host.database, await _older(guest)
    size = await _size(guest, 0, 0)
    if request.kind is Kind.REINDEX:
        statement = f"REINDEX DATABASE CONCURRENTLY {rows[0]['quoted']}"
        effect = effects.reindex_database(await guest.ask("act_indexes", 0), older, patience)
    elif request.kind is Kind.VACUUM:
        statement = f"VACUUM{_options(request)}"
        whole = f"every table of database {name}"
        effect = (
            effects.vacuum_full(whole, size, patience, whole=True)
            if request.full
            else effects.vacuum_database(name, older)
        )
    else:
        statement, effect = "ANALYZE", effects.analyze(f"every table of database {name}")
    preview = Preview(
        title=f"{_title(request)} the whole database {name}",
        consequence=effect.consequence,
        locks=effect.locks,
        sql=f"{statement};",
        command=_command(request, name, console),
        type_name=name,
    )
    return Plan(request, 0, rows[0]["quoted"], statement, preview, "", patience)


def _command(request: Request, typed: str, console: Sequence[str]) -> str:
    """The same act as a command line, confirmed."""
    words = [*console, "act", str(request.kind), request.name or "--database"]
    words += ["--full"] if request.full else []
    words += ["--analyze"] if request.analyze else []
    for name, value in request.options.items():
        words += [effects.OPTIONS[name], effects.format_value(value)]
    words += ["--reset"] if request.reset else []
    return shlex.join([*words, "--yes-i-typed", typed])


def _title(request: Request) -> str:
    if request.kind is Kind.VACUUM:
        return f"VACUUM{_options(request)}"
    return {
        Kind.ANALYZE: "ANALYZE",
        Kind.REINDEX: "REINDEX CONCURRENTLY",
        Kind.DROP_INDEX: "DROP INDEX CONCURRENTLY",
        Kind.AUTOVACUUM: "Set autovacuum of",
    }[request.kind]


def _options(request: Request) -> str:
    words = [word for word, wanted in (("FULL", request.full), ("ANALYZE", request.analyze)) if wanted]
    return f" ({', '.join(words)})" if words else ""


def _concurrently(definition: str) -> str:
    """``CREATE INDEX`` as it would be run on a server in use."""
    head, word, tail = definition.partition(" INDEX ")
    return f"{head}{word}CONCURRENTLY {tail}"


async def _size(guest: Guest, oid: int, about: int) -> effects.Size:
    """Bytes now, or, when the relation is locked, of its last vacuum or analyze, of which there may have been none."""
    row: Any = await guest.one("act_size", oid)
    if isinstance(row, Unknown) or row["own"] is None:
        return effects.Size(about or None, None, exact=False)
    return effects.Size(row["own"], row["total"], exact=True)


async def _older(guest: Guest) -> str:
    """Transactions that are open just now, in words, the oldest first; and of how many sessions that is not known."""
    rows = await guest.ask("act_older", TAG)
    if isinstance(rows, Unknown):
        return f"which transactions are open cannot be told ({rows.reason})"
    seen = [row for row in rows if not row["hidden"]]
    words = []
    if seen:
        named = ", ".join(_one_older(row) for row in seen[:3])
        more = f" and {len(seen) - 3} more" if len(seen) > 3 else ""
        words.append(f"{len(seen)} transaction{'' if len(seen) == 1 else 's'} open just now: {named}{more}")
    if hidden := len(rows) - len(seen):
        who = f"{hidden} session{' does' if hidden == 1 else 's do'} not tell {guest.host.user}"
        words.append(f"{who} whether a transaction is open (GRANT pg_monitor shows it)")
    return "; ".join(words)


def _one_older(row: Any) -> str:
    about = [row["state"] or "hidden"] + ([span(row["seconds"])] if row["seconds"] else [])
    return f"{row['pid']} ({', '.join(about)})" if row["pid"] else f"a {', '.join(about)}"


async def _in_the_way(guest: Guest, thing: Thing, full: bool) -> str:
    """Whom it has to wait for first, in a sentence; empty when that is nobody."""
    rows = await guest.ask("act_in_the_way", thing.table_oid or thing.oid, full)
    if isinstance(rows, Unknown):
        return f" Whether it has to wait for a lock first cannot be told ({rows.reason})."
    if not rows:
        return ""
    named = ", ".join(dict.fromkeys(f"{row['pid'] or 'a prepared transaction'} {_holds(row)}" for row in rows))
    return f" Just now it would have to wait first: {named} on {thing.table_name or thing.quoted}."


def _holds(row: Any) -> str:
    return f"{'holds' if row['granted'] else 'awaits'} {row['mode']}"
