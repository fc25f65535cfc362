"""What cannot work is refused before it is tried, with the reason. Pure: from facts to a reason and a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from devora_console.core.problems import refused
from devora_console.core.safetext import one_line
from devora_console.postgres.acts.model import Kind, Request
from devora_console.postgres.acts.things import Thing
from devora_console.postgres.watch.guest import Host

Reason = tuple[str, str]
MAINTAIN_SINCE = 170000
RUNS = ("active", "fastpath function call")
"""The states of a session with a statement that can be cancelled."""


def on_thing(request: Request, thing: Thing, host: Host) -> Iterator[Reason]:
    """(why it cannot work, what to do instead) for acts on tables and indexes; nothing when it may be tried."""
    if host.in_recovery:
        yield "this server is a standby: it can be read only", "Do it on the primary; the standby follows"
    if thing.temporary:
        yield f"{thing.words} is temporary: it belongs to another session", ""
    if not host.superuser:
        yield from _rights(request, thing, host)
    checks = {Kind.REINDEX: _reindex, Kind.DROP_INDEX: _drop_index, Kind.AUTOVACUUM: _autovacuum}
    if request.kind in checks:
        yield from checks[request.kind](thing)
    if request.kind is Kind.VACUUM and request.full and thing.kind == "p":
        yield (
            f"{thing.words} holds no rows itself, and all its partitions would be rewritten",
            "VACUUM (FULL) one of them",
        )


def _rights(request: Request, thing: Thing, host: Host) -> Iterator[Reason]:
    if request.kind in (Kind.VACUUM, Kind.ANALYZE, Kind.REINDEX):
        # A database's owner may vacuum and analyze what is in it, but not rebuild it.
        whole = thing.database_owned and not thing.system and request.kind is not Kind.REINDEX
        owned = thing.owned or whole or thing.maintains
        right = f"GRANT MAINTAIN ON {thing.table_name or thing.quoted} TO {host.user}"
    else:
        owned = thing.owned or (request.kind is Kind.DROP_INDEX and thing.schema_owned)
        right = ""
    if not owned:
        if request.kind in (Kind.DROP_INDEX, Kind.AUTOVACUUM) or host.version < MAINTAIN_SINCE:
            right = f"Connect as {thing.owner}, or a superuser"
        yield f"{host.user} does not own {thing.words} ({thing.owner} does)", right


def _reindex(thing: Thing) -> Iterator[Reason]:
    if thing.system:
        yield (
            f"{thing.words} belongs to the system catalogue, which cannot be rebuilt CONCURRENTLY",
            f"In a maintenance window, in psql: REINDEX {_level(thing)} {thing.quoted}",
        )
    if thing.exclusion:
        yield (
            f"{thing.words} serves the exclusion constraint {thing.constraint_name}: it cannot be rebuilt CONCURRENTLY",
            f"In a maintenance window, in psql (blocks writes): REINDEX INDEX {thing.quoted}",
        )


def _drop_index(thing: Thing) -> Iterator[Reason]:
    if thing.system:
        yield f"{thing.words} belongs to the system catalogue", ""
    if thing.constraint_name is not None:
        yield (
            f"constraint {thing.constraint_name} of {thing.table_name} requires {thing.words}",
            f"If the constraint is to go: ALTER TABLE {thing.table_name} DROP CONSTRAINT {thing.constraint_name}",
        )
    elif thing.foreign_keys:
        yield (
            f"the foreign keys {', '.join(thing.foreign_keys)} refer to the columns of {thing.words} through it",
            "They would have to go first",
        )
    if thing.kind == "I":
        yield (
            f"{thing.words} is partitioned: it cannot be dropped CONCURRENTLY",
            f"In a maintenance window, in psql (blocks the table and its partitions): DROP INDEX {thing.quoted}",
        )
    if thing.parent is not None:
        yield f"{thing.words} is attached to {thing.parent}, which requires it", "Drop the partitioned index instead"
    if thing.extension is not None:
        yield f"extension {thing.extension} requires {thing.words}", ""


def _autovacuum(thing: Thing) -> Iterator[Reason]:
    if thing.kind == "p":
        yield f"{thing.words} holds no rows and takes no storage parameters", "Set them on each partition"
    if thing.system:
        yield f"{thing.words} belongs to the system catalogue", "Change the server's own settings instead"


def _level(thing: Thing) -> str:
    return "INDEX" if thing.kind in ("i", "I") else "TABLE"


def on_database(request: Request, host: Host, owned: bool) -> Iterator[Reason]:
    """As :func:`on_thing`, for the whole database."""
    if host.in_recovery:
        yield "this server is a standby: it can be read only", "Do it on the primary; the standby follows"
    if not host.superuser and not owned:
        yield f"{host.user} does not own this database", "Connect as its owner, or a superuser"


def on_session(request: Request, row: Any, host: Host) -> Iterator[Reason]:
    """As :func:`on_thing`, for a session; ``row`` is of act_session. Who may signal whom is the server's rule."""
    pid, kind = row["pid"], row["backend_type"]
    if row["hidden"]:
        yield f"what session {pid} is and does is hidden from {host.user}", f"GRANT pg_monitor TO {host.user}"
        return
    if request.started is not None and request.started != row["backend_start"]:
        yield f"session {pid} is not the one that was looked at: it began at {row['started_literal']}", "Look again"
    if row["application"].startswith("devora-console"):
        yield f"session {pid} is one of this console's own ({row['application']})", "End that console instead"
    if row["leader_pid"] is not None and row["leader_pid"] != pid:
        yield (
            f"session {pid} is a worker of {row['leader_pid']}",
            f"devora-console act {request.kind} {row['leader_pid']}",
        )
        return
    if kind == "autovacuum worker":
        yield from _autovacuum_worker(row, host)
        if request.kind is Kind.CANCEL:
            yield from _cancel(request, row)
        return
    if kind != "client backend":
        yield f"{pid} is a {kind} of the server, not a client", ""
        return
    if row["superuser"] and not host.superuser:
        yield f"session {pid} is a superuser's ({row['user']}): only superusers may signal it", "Connect as a superuser"
    elif not (host.superuser or row["same_role"] or row["signals"]):
        yield f"{host.user} may not signal sessions of {row['user']}", f"GRANT pg_signal_backend TO {host.user}"
    if request.kind is Kind.CANCEL:
        yield from _cancel(request, row)


def _cancel(request: Request, row: Any) -> Iterator[Reason]:
    pid = row["pid"]
    if row["state"] == "disabled":
        yield (
            f"session {pid} does not tell what it runs (track_activities is off): a cancel could hit anything",
            f"devora-console act terminate {pid} ends the session",
        )
    elif request.statement is not None and (request.statement != row["query_start"] or row["state"] not in RUNS):
        yield ended(row), "Look again: devora-console activity"
    elif row["state"] not in RUNS:
        yield (
            f"session {pid} is {row['state']}: there is no statement to cancel",
            f"devora-console act terminate {pid} ends the session",
        )


def ended(row: Any) -> str:
    """That the statement which was looked at is over, and what the session does instead."""
    words = f"that statement of session {row['pid']} had ended before it was cancelled; the session now"
    if row["state"] in RUNS:
        return f"{words} runs: {one_line(row['query'] or '?', 120)}"
    return f"{words} is {row['state']}"


def _autovacuum_worker(row: Any, host: Host) -> Iterator[Reason]:
    if row["wraparound"]:
        yield (
            f"{row['pid']} is an autovacuum to prevent wraparound: it must finish, and would begin again at once",
            "Let it finish; raise its speed with autovacuum_vacuum_cost_limit",
        )
    elif not (host.superuser or row["signals_autovacuum"]):
        remedy = (
            f"GRANT pg_signal_autovacuum_worker TO {host.user}" if host.version >= 180000 else "Connect as a superuser"
        )
        yield f"{host.user} may not signal autovacuum workers", remedy


def refuse(request: Request, reasons: Iterable[Reason]) -> None:
    """Raise ConsoleError (exit 4) with every reason, if there is any."""
    found = list(reasons)
    if found:
        why = "; ".join(reason for reason, _ in found)
        remedy = ". ".join(dict.fromkeys(remedy for _, remedy in found if remedy))
        raise refused("cannot_work", f"refused to {request.kind}: {one_line(why, 500)}", one_line(remedy, 500))
