"""What to say of a session: from its numbers, the thresholds and who waits for it, to a verdict. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from devora_console.config.thresholds import ActivitySettings
from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.graph import behind, waiters_of
from devora_console.postgres.activity.snapshot import ABORTED, Connections, Finding, IdleKind, Session

CLIENT = "client backend"
AUTOVACUUM = "autovacuum worker"
SENDER = "walsender"
_RANK = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)


def judged(sessions: Sequence[Session], limits: ActivitySettings) -> tuple[Session, ...]:
    """The sessions with who waits for each, the kind of their idleness and a finding; the worst first."""
    waiters = waiters_of({each.pid: each.blocked_by for each in sessions if each.blocked_by})
    waited: Mapping[int, float | None] = {each.pid: each.wait_seconds for each in sessions}
    found = []
    for session in sessions:
        held_up = behind(session.pid, waiters)
        longest = max((waited.get(pid) or 0.0 for pid in held_up), default=0.0)
        with_kind = replace(session, blocks=len(held_up), idle_kind=idle_kind(session, len(held_up)))
        found.append(replace(with_kind, finding=finding(with_kind, longest, limits)))
    return tuple(sorted(found, key=worst_first))


def worst_first(session: Session) -> tuple[int, int, float, int]:
    """Failures, warnings, unknown; then work before idleness, and the oldest first."""
    verdict = session.finding.verdict
    rank = _RANK.index(verdict) if verdict in _RANK else len(_RANK)
    busy = 0 if session.state == "active" else 1 if session.idle_in_transaction else 2
    return rank, busy, -(session.seconds or 0.0), session.pid


def idle_kind(session: Session, blocks: int) -> IdleKind | None:
    """Which of the four kinds it is; None when it is not idle in a transaction. What others wait for comes first."""
    if not session.idle_in_transaction:
        return None
    if blocks:
        return IdleKind.BLOCKING
    if session.state == ABORTED:
        return IdleKind.ABORTED
    return IdleKind.HOLDING if session.holds_back_vacuum is True else IdleKind.PLAIN


def finding(session: Session, longest_wait: float, limits: ActivitySettings) -> Finding:
    """The verdict on one session; ``longest_wait`` is that of those who wait for it."""
    if session.hidden:
        return Finding(Verdict.UNKNOWN, "what it does is hidden from this user", "It needs pg_read_all_stats")
    if session.state == "disabled":
        return Finding(Verdict.UNKNOWN, "track_activities is off in this session: its state is not kept")
    if session.idle_in_transaction:
        return _idle_in_transaction(session, longest_wait, limits)
    if session.blocks and longest_wait >= limits.lock_wait_seconds:
        words = f"{_waiting(session.blocks)}, the longest for {span(longest_wait)}"
        verdict = Verdict.WARN if session.state == "active" else Verdict.FAIL
        return Finding(verdict, f"{words} (limit {span(limits.lock_wait_seconds)})", "See: devora-console locks")
    if session.waits_for_lock:
        return _waiting_for_lock(session, limits)
    if session.backend_type != CLIENT:
        return Finding(Verdict.NONE, _background(session))
    if session.state == "active":
        return _active(session, limits)
    if session.state == "idle":
        return Finding(Verdict.OK, f"idle for {span(session.state_seconds or 0.0)}, no transaction open")
    return Finding(Verdict.OK, str(session.state or "no state"))


def _idle_in_transaction(session: Session, longest_wait: float, limits: ActivitySettings) -> Finding:
    idle, limit = session.state_seconds or 0.0, limits.idle_in_transaction_seconds
    since = f"idle in its transaction for {span(idle)} (limit {span(limit)})"
    kind, end = session.idle_kind, f"devora-console act terminate {session.pid}"
    if kind is IdleKind.BLOCKING:
        bad = longest_wait >= limits.lock_wait_seconds or idle >= limit
        words = (
            f"{_waiting(session.blocks)} for its locks, the longest for {span(longest_wait)} "
            f"(limit {span(limits.lock_wait_seconds)}), while it is {since}"
        )
        return Finding(Verdict.FAIL if bad else Verdict.OK, words, f"COMMIT or ROLLBACK in the application, or: {end}")
    if kind is IdleKind.ABORTED:
        words = f"its transaction failed and waits for ROLLBACK; {since}"
        remedy = f"ROLLBACK in the application, which does not notice errors; or: {end}"
    elif kind is IdleKind.HOLDING:
        words = f"{since}; {held_back(session)}"
        remedy = f"COMMIT or ROLLBACK in the application, or: {end}"
    else:
        words = f"{since}; it keeps its locks, but holds nothing back from vacuum"
        remedy = f"COMMIT or ROLLBACK in the application, or: {end}"
    return Finding(Verdict.WARN if idle >= limit else Verdict.OK, words, remedy)


def held_back(session: Session) -> str:
    """How it holds back vacuum, in words with the ages in transactions; empty when it does not."""
    parts = []
    if session.xid_age is not None:
        parts.append(f"transaction id of age {session.xid_age}")
    if session.xmin_age is not None:
        parts.append(f"snapshot of age {session.xmin_age}")
    return f"holds back vacuum in its database ({', '.join(parts)})" if parts else ""


def _waiting_for_lock(session: Session, limits: ActivitySettings) -> Finding:
    limit = f"(limit {span(limits.lock_wait_seconds)})"
    blockers = ", ".join(str(pid) if pid else "a prepared transaction" for pid in session.blocked_by) or "a lock"
    if session.wait_seconds is None:
        return Finding(Verdict.RUNNING, f"waits for {blockers}; since when is not known yet {limit}")
    long = session.wait_seconds >= limits.lock_wait_seconds
    words = f"has waited for {blockers} for {span(session.wait_seconds)} {limit}"
    return Finding(Verdict.WARN if long else Verdict.RUNNING, words, "See: devora-console locks")


def _active(session: Session, limits: ActivitySettings) -> Finding:
    statement, transaction = session.statement_seconds or 0.0, session.transaction_seconds or 0.0
    limit = limits.long_statement_seconds
    cancel = f"devora-console act cancel {session.pid}"
    if statement >= limit:
        return Finding(Verdict.WARN, f"its statement runs for {span(statement)} (limit {span(limit)})", cancel)
    if transaction >= limits.long_transaction_seconds:
        words = f"its transaction is open for {span(transaction)} (limit {span(limits.long_transaction_seconds)})"
        return Finding(Verdict.WARN, words, "Shorter transactions in the application")
    return Finding(Verdict.OK, f"its statement runs for {span(statement)} (limit {span(limit)})")


def _background(session: Session) -> str:
    kind = session.backend_type
    if kind == AUTOVACUUM and isinstance(session.query, str) and "to prevent wraparound" in session.query:
        return "autovacuum to prevent wraparound: it does not give way to others, and must not be ended"
    if kind == AUTOVACUUM:
        return "autovacuum: it gives way to whoever waits for its lock"
    return str(kind)


def _waiting(count: int) -> str:
    return f"{count} session{'' if count == 1 else 's'} wait{'s' if count == 1 else ''}"


def connections(used: int | Unknown, *, maximum: int, reserved: int, limits: ActivitySettings) -> Connections:
    """How much of what ordinary users may open is open."""
    usable = max(0, maximum - reserved)
    if isinstance(used, Unknown):
        return Connections(used, usable, maximum, reserved, Finding(Verdict.UNKNOWN, used.reason, used.remedy))
    percent = 100 * used / usable if usable else 100.0
    words = (
        f"{used} of {usable} connections in use ({percent:.0f} %; max_connections {maximum} less {reserved} reserved; "
        f"limit {limits.connections_percent:g} %)"
    )
    verdict = Verdict.WARN if percent >= limits.connections_percent else Verdict.OK
    if used >= usable:
        verdict = Verdict.FAIL
    remedy = (
        "" if verdict is Verdict.OK else "End idle sessions, pool connections, or raise max_connections (a restart)"
    )
    return Connections(used, usable, maximum, reserved, Finding(verdict, words, remedy))
