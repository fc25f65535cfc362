"""Sessions and locks in plain words, the worst thing first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.judge import AUTOVACUUM, CLIENT, SENDER, held_back
from devora_console.postgres.activity.snapshot import (
    ABORTED,
    ActivitySnapshot,
    IdleKind,
    LockNode,
    LocksSnapshot,
    Session,
)


def activity_headline(seen: ActivitySnapshot) -> str:
    """Who blocks, who lingers, what runs long, how full the server is, and what cannot be seen."""
    parts = [
        *_blocking(seen.sessions),
        *_idle(seen),
        *_long(seen),
    ]
    if not parts:
        parts.append(_calm(seen))
    full = seen.connections.finding
    if full.verdict is not Verdict.OK:
        words = f"Connections in use: {full.why}." if full.verdict is Verdict.UNKNOWN else f"{full.why}."
        parts.insert(0 if full.verdict is Verdict.FAIL else len(parts), words)
    if seen.hidden:
        total = len(seen.sessions)
        parts.append(f"{seen.hidden} of {_count(total, 'session')} hidden from this user: {seen.hidden_remedy}.")
    return " ".join(parts)


def _calm(seen: ActivitySnapshot) -> str:
    """Nothing wrong, as far as can be seen; of hidden sessions that is not known."""
    active = sum(each.state == "active" and each.backend_type == CLIENT for each in seen.sessions)
    senders = sum(each.backend_type == SENDER for each in seen.sessions)
    vacuums = sum(each.backend_type == AUTOVACUUM for each in seen.sessions)
    if seen.hidden and seen.hidden == len(seen.sessions):
        return "Whether anything waits or lingers is not known here (locks shows who waits for a lock)."
    if seen.hidden:
        return f"Of the sessions that can be seen none waits or lingers; {active} active."
    also = [f"{_count(senders, 'walsender')} connected"] if senders else []
    also += [f"{_count(vacuums, 'autovacuum worker')} at work"] if vacuums else []
    return "Nothing waits or lingers: " + ", ".join([f"{_count(active, 'session')} active", *also]) + "."


def _blocking(sessions: Sequence[Session]) -> list[str]:
    waiting = [each for each in sessions if each.waits_for_lock]
    if not waiting:
        return []
    roots = [each for each in sessions if each.blocks and not each.blocked_by]
    words = f"{_count(len(waiting), 'session')} wait{'s' if len(waiting) == 1 else ''} for a lock"
    if any(each.hidden for each in sessions):  # whether one of these waits too only the locks can tell
        words = f"At least {words}"
    if roots:
        worst = max(roots, key=lambda each: each.blocks)
        state = str(worst.state) if isinstance(worst.state, str) else "hidden"
        words += f", {worst.blocks} of them for {worst.pid} ({state})"
    elif any(0 in each.blocked_by for each in waiting):
        words += ", for a prepared transaction (see locks)"
    longest = max((each.wait_seconds or 0.0 for each in waiting), default=0.0)
    return [f"{words}; the longest for {span(longest)}."]


def _idle(seen: ActivitySnapshot) -> list[str]:
    bad = [each for each in seen.sessions if each.idle_kind and each.finding.verdict in (Verdict.WARN, Verdict.FAIL)]
    if not bad:
        return []
    holding = sum(each.holds_back_vacuum is True for each in bad)
    aborted = sum(each.idle_kind is IdleKind.ABORTED for each in bad)
    more = [f"{holding} {'holds' if holding == 1 else 'hold'} back vacuum"] if holding else []
    more += [f"{aborted} aborted"] if aborted else []
    oldest = max(each.state_seconds or 0.0 for each in bad)
    tail = f" ({', '.join(more)})" if more else ""
    return [f"{len(bad)} idle in transaction{tail}, the longest for {span(oldest)}."]


def _long(seen: ActivitySnapshot) -> list[str]:
    limit = seen.thresholds["long_statement_seconds"]
    long = [each for each in seen.sessions if each.finding.verdict is Verdict.WARN and each.state == "active"]
    long = [each for each in long if not each.waits_for_lock and (each.statement_seconds or 0.0) >= limit]
    if not long:
        return []
    oldest = max(each.statement_seconds or 0.0 for each in long)
    return [f"{_count(len(long), 'statement')} over {span(limit)}, the longest {span(oldest)}."]


def locks_headline(seen: LocksSnapshot) -> str:
    """How many wait, for whom, since when, and what would free them."""
    if not seen.roots:
        return "Nobody waits for a lock."
    worst = seen.roots[0]
    who = f"prepared transaction {worst.prepared.gid}" if worst.prepared else str(worst.pid or worst.key)
    words = f"{_count(seen.waiting, 'session')} wait{'s' if seen.waiting == 1 else ''} for a lock"
    longest = max(_waits(seen.roots), default=0.0)
    words += f", the longest for {span(longest)}; " if longest else "; "
    words += f"{worst.blocks} of them for {who}, which {worst.doing}."
    if len(seen.roots) > 1:
        words += f" {len(seen.roots)} roots in all."
    circles = sum(each.in_cycle for each in seen.roots)
    if circles:
        words += f" {_count(circles, 'circle')} of sessions that wait for each other (deadlock)."
    if seen.hidden:
        words += f" {seen.hidden} hidden from this user: {seen.hidden_remedy}."
    return words


def _waits(nodes: Sequence[LockNode]) -> list[float]:
    found: list[float] = []
    for node in nodes:
        if node.waits is not None and isinstance(node.waits.seconds, float):
            found.append(node.waits.seconds)
        found += _waits(node.waiters)
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def state_words(session: Session) -> str:
    """The state as the server names it; what a background process is; hidden."""
    if session.hidden:
        return "hidden"
    if session.backend_type not in (CLIENT, AUTOVACUUM):
        return str(session.backend_type)
    if session.backend_type == AUTOVACUUM:
        return "autovacuum"
    return "idle in tx (aborted)" if session.state == ABORTED else str(session.state or "no state")


def wait_words(session: Session) -> str:
    """What it waits for, as ``Type: Event``; empty when it works, ``?`` when hidden."""
    if session.hidden:
        return "?"
    if session.waits_for_lock and session.blocked_by:
        return "Lock: " + ", ".join(str(pid) if pid else "prepared" for pid in session.blocked_by)
    return f"{session.wait_type}: {session.wait_event}" if session.wait_event else ""


def session_words(session: Session) -> list[tuple[str, str]]:
    """Everything there is to know of a session, as names and words."""
    said = [
        ("verdict", f"{session.finding.verdict}: {session.finding.why}" if session.finding.why else ""),
        ("remedy", session.finding.remedy),
        ("who", f"{session.user or 'no user'} on {session.database or 'no database'}, from {_known(session.client)}"),
        ("application", session.application or "none given"),
        ("backend", _backend(session)),
        ("state", f"{state_words(session)}{_for(session.state_seconds)}"),
        ("waits for", wait_words(session) + (_for(session.wait_seconds) if session.waits_for_lock else "")),
        ("transaction", _transaction(session)),
        ("vacuum", held_back(session) or ("?" if session.hidden else "holds nothing back")),
        ("blocks", _count(session.blocks, "session") if session.blocks else ""),
        ("query id", str(session.query_id) if session.query_id is not None else ""),
    ]
    return [(name, words) for name, words in said if words]


def query_words(session: Session) -> str:
    """What heads the text of the query: whether it still runs, and whether the text is whole."""
    if isinstance(session.query, Unknown):
        return f"query: {session.query}"
    when = "runs now" if session.state == "active" else "the last one"
    cut = ", cut by the server at track_activity_query_size" if session.query_truncated else ""
    return f"query ({when}{_for(session.statement_seconds)}{cut})"


def _transaction(session: Session) -> str:
    if session.transaction_seconds is None:
        return "?" if session.hidden else "none open"
    return f"open{_for(session.transaction_seconds)}"


def _backend(session: Session) -> str:
    workers = f", parallel workers {', '.join(map(str, session.workers))}" if session.workers else ""
    started = f", since {iso(session.started)}" if session.started else ""
    return f"{session.pid} {_known(session.backend_type)}{workers}{started}"


def _known(value: str | Unknown | None) -> str:
    return "the server itself" if value is None else str(value)


def _for(seconds: float | None) -> str:
    return "" if seconds is None else f" for {span(seconds)}"
