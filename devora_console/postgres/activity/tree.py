"""The blocking forest, put together from rows of the lock table and the sessions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devora_console.config.thresholds import ActivitySettings
from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown
from devora_console.postgres.activity.graph import behind, forest, in_cycle, waiters_of
from devora_console.postgres.activity.lock_words import conflict, doing, frees, lock_object
from devora_console.postgres.activity.snapshot import (
    ABORTED,
    IN_TRANSACTION,
    Finding,
    LockNode,
    Prepared,
    Session,
    Wanted,
)

Row = Any  # an asyncpg.Record of locks_waited
LOST_GID = "prepared transaction"
_IDLE = ("idle", IN_TRANSACTION, ABORTED)
_NOT_YET = Unknown("it has only just begun to wait", "Look again")


class Forest:
    """``rows`` are of locks_waited, ``prepared`` by transaction id, ``names`` of relations of the database ``here``."""

    def __init__(
        self,
        rows: Sequence[Row],
        sessions: Sequence[Session],
        prepared: Mapping[str, Prepared],
        names: Mapping[int, str],
        databases: Mapping[int, str],
        here: int,
        limits: ActivitySettings,
    ) -> None:
        self._limits = limits
        self._rows = rows
        self._sessions = {each.pid: each for each in sessions}
        self._leader = {worker: each.pid for each in sessions for worker in each.workers}
        self._prepared = {f"{LOST_GID} {each.gid}": each for each in prepared.values()}
        self._by_transaction = {transaction: f"{LOST_GID} {each.gid}" for transaction, each in prepared.items()}
        self._words = {id(row): lock_object(row, names, databases, here) for row in rows}
        self._transactions = {
            row["virtualtransaction"]: row["transactionid"]
            for row in rows
            if row["pid"] is None and row["locktype"] == "transactionid"
        }
        self._granted: dict[str, list[Row]] = {}
        for row in rows:
            if row["granted"]:
                self._granted.setdefault(row["tag"], []).append(row)
        self._waits: dict[str, Row] = {}
        self._blocked_by: dict[str, list[str]] = {}
        for row in rows:
            if not row["granted"]:
                self._note(row)
        self._waiters = waiters_of(self._blocked_by)

    def _note(self, row: Row) -> None:
        """Who a waiter waits for. One whose lock came in between waits for nobody any more."""
        key = self._key(row["pid"])
        blockers: list[str] = []
        for pid in row["blocked_by"] or ():
            blockers += [self._key(pid)] if pid else self._prepared_before(row)
        blockers = [each for each in dict.fromkeys(blockers) if each != key]
        if blockers:
            self._waits.setdefault(key, row)
            known = self._blocked_by.setdefault(key, [])
            known += [each for each in blockers if each not in known]

    def _key(self, pid: int) -> str:
        return str(self._leader.get(pid, pid))

    def _prepared_before(self, row: Row) -> list[str]:
        """Prepared transactions that hold what this row wants: they have no process, but a transaction id."""
        found = [
            self._holder(held)
            for held in self._granted.get(row["tag"], ())
            if held["pid"] is None and conflict(row["mode"], held["mode"])
        ]
        return found or [LOST_GID]

    @property
    def waiting(self) -> int:
        """How many sessions wait."""
        return len(self._blocked_by)

    def roots(self) -> tuple[LockNode, ...]:
        """The trees, the one that most wait in first."""
        tops, children = forest({key: self._holding(key) or blockers for key, blockers in self._blocked_by.items()})
        nodes = (self._node(top, children) for top in tops)
        return tuple(sorted(nodes, key=lambda node: (-node.blocks, -(_longest(node)), node.key)))

    def _holding(self, waiter: str) -> list[str]:
        """Those who hold what it wants: a queue of many stands flat behind them, not as stairs behind one another."""
        wanted = self._waits[waiter]
        held = self._granted.get(wanted["tag"], ())
        holders = {self._holder(row) for row in held if conflict(wanted["mode"], row["mode"])}
        return [each for each in self._blocked_by[waiter] if each in holders]

    def _node(self, key: str, children: Mapping[str, Sequence[str]]) -> LockNode:
        prepared = self._prepared.get(key)
        session = self._sessions.get(int(key)) if key.isdecimal() else None
        holds = self._holds(key)
        circle = in_cycle(key, self._waiters)
        words, sql = frees(session, prepared, circle=circle)
        below = tuple(self._node(each, children) for each in children.get(key, ()))
        wait = self._waits.get(key)
        return LockNode(
            key=key,
            pid=int(key) if key.isdecimal() else 0,
            session=session,
            prepared=prepared,
            waits=self._wanted(wait) if wait is not None else None,
            holds=holds,
            queued=bool(self._waiters.get(key)) and not holds,
            blocked_by=tuple(self._blocked_by.get(key, ())),
            blocks=len(behind(key, self._waiters)),
            in_cycle=circle,
            finding=self._finding(key, session),
            doing=doing(session, prepared),
            frees=words,
            sql=sql,
            waiters=tuple(sorted(below, key=lambda node: (-_waited(node), node.key))),
        )

    def _wanted(self, row: Row) -> Wanted:
        what = self._words[id(row)]
        if row["locktype"] == "transactionid":
            # The first who waits for a row holds its tuple lock meanwhile: that tells which row it is.
            row_lock = next(
                (each for each in self._rows if each["pid"] == row["pid"] and each["locktype"] == "tuple"), None
            )
            if row_lock is not None:
                what = f"{self._words[id(row_lock)]}, {what}"
        seconds = row["wait_seconds"]
        return Wanted(row["mode"], what, _NOT_YET if seconds is None else max(0.0, seconds))

    def _holds(self, key: str) -> tuple[Wanted, ...]:
        """The locks of ``key`` that those directly behind it want."""
        found: dict[tuple[str, str], Wanted] = {}
        for waiter in self._waiters.get(key, ()):
            wanted = self._waits[waiter]
            for held in self._granted.get(wanted["tag"], ()):
                if self._holder(held) == key and conflict(wanted["mode"], held["mode"]):
                    what = self._words[id(held)]
                    found[held["mode"], what] = Wanted(held["mode"], what)
        return tuple(found.values())

    def _holder(self, held: Row) -> str:
        if held["pid"] is not None:
            return self._key(held["pid"])
        return self._by_transaction.get(self._transactions.get(held["virtualtransaction"], ""), LOST_GID)

    def _finding(self, key: str, session: Session | None) -> Finding:
        limit = self._limits.lock_wait_seconds
        limited = f"(limit {span(limit)})"
        own = self._waits.get(key)
        if in_cycle(key, self._waiters):
            return Finding(Verdict.WARN, "waits for itself in the end: the server ends such a deadlock by itself")
        if own is not None:
            seconds = own["wait_seconds"]
            if seconds is None:
                return Finding(Verdict.RUNNING, f"{_NOT_YET.reason} {limited}")
            verdict = Verdict.WARN if seconds >= limit else Verdict.RUNNING
            return Finding(verdict, f"has waited for {span(max(0.0, seconds))} {limited}")
        rows = [self._waits[each] for each in behind(key, self._waiters)]
        longest = max((row["wait_seconds"] or 0.0 for row in rows), default=0.0)
        words = f"{len(rows)} wait for it, the longest for {span(longest)} {limited}"
        if longest < limit:
            return Finding(Verdict.RUNNING, words)
        idle = key.startswith(LOST_GID) or (session is not None and session.state in _IDLE)
        return Finding(Verdict.FAIL if idle else Verdict.WARN, words)


def _waited(node: LockNode) -> float:
    seconds = node.waits.seconds if node.waits is not None else None
    return seconds if isinstance(seconds, float) else 0.0


def _longest(node: LockNode) -> float:
    return max((_waited(node), *(_longest(each) for each in node.waiters)))
