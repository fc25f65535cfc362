"""What the sessions of a server do: as frozen answers. Durations are seconds, ages of transaction ids are counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from devora_console.core.console import Verdict
from devora_console.core.unknown import Unknown

ABORTED = "idle in transaction (aborted)"
IN_TRANSACTION = "idle in transaction"


class IdleKind(StrEnum):
    """The four ways to be idle in a transaction, the harmless one first."""

    PLAIN = "plain"  # holds nothing but its locks
    HOLDING = "holding"  # its snapshot or transaction id holds back vacuum
    ABORTED = "aborted"  # failed, and waits for ROLLBACK
    BLOCKING = "blocking"  # others wait for its locks


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with how it was reached (value and threshold) and what would better it, as words and as a command."""

    verdict: Verdict
    why: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One session; its parallel workers are folded into it.

    ``hidden``: this user may not see what it does; then every value that is withheld is an Unknown, or None where it
    is a moment. ``statement_seconds`` counts from the start of the running or, when idle, of the last statement;
    ``state_seconds`` since the state last changed; ``wait_seconds`` how long it has waited for a lock.
    ``xid_age`` and ``xmin_age`` count transactions; either not None holds back vacuum in its database.
    ``blocked_by`` are process ids, 0 a prepared transaction. ``blocks``: how many wait for it, directly or not.
    """

    pid: int
    workers: tuple[int, ...]
    hidden: bool
    backend_type: str | Unknown
    database: str | None
    user: str | None
    application: str
    client: str | Unknown | None
    state: str | Unknown | None
    wait_type: str | Unknown | None
    wait_event: str | Unknown | None
    query: str | Unknown
    query_truncated: bool
    query_id: int | None
    started: datetime | None
    statement_started: datetime | None
    transaction_seconds: float | None
    statement_seconds: float | None
    state_seconds: float | None
    wait_seconds: float | None
    xid_age: int | None
    xmin_age: int | None
    blocked_by: tuple[int, ...] = ()
    blocks: int = 0
    idle_kind: IdleKind | None = None
    finding: Finding = field(default=Finding(Verdict.NONE, ""))

    @property
    def idle_in_transaction(self) -> bool:
        """Whether it has a transaction open and nothing to do, aborted or not."""
        return self.state in (IN_TRANSACTION, ABORTED)

    @property
    def holds_back_vacuum(self) -> bool | Unknown:
        """Whether vacuum must keep rows for it. A hidden session shows neither its snapshot's age nor its own."""
        if self.xid_age is not None or self.xmin_age is not None:
            return True
        return Unknown("hidden") if self.hidden else False

    @property
    def seconds(self) -> float | None:
        """The age that matters for what it does now: of the statement when active, of the state otherwise."""
        return self.statement_seconds if self.state == "active" else self.state_seconds

    @property
    def waits_for_lock(self) -> bool:
        """Whether it waits for a heavyweight lock."""
        return self.wait_type == "Lock"


@dataclass(frozen=True, slots=True)
class Connections:
    """``used`` client connections of the ``usable`` ones: ``maximum`` less ``reserved`` ones for superusers and roles
    with pg_use_reserved_connections."""

    used: int | Unknown
    usable: int
    maximum: int
    reserved: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class ActivitySnapshot:
    """Every session as of ``as_of`` (the server's clock), the worst first.

    ``hidden`` sessions are among them; ``hidden_remedy`` says how to see what they do. ``own`` sessions of this console
    and ``background`` processes of the server without a database are left out and counted.
    """

    as_of: datetime
    sessions: tuple[Session, ...]
    hidden: int
    hidden_remedy: str
    own: int
    background: int
    connections: Connections
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction prepared for two-phase commit; ``seconds`` since. ``literal`` is its gid, quoted for SQL."""

    gid: str
    literal: str
    owner: str
    database: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """A lock: ``mode`` as the server names it, ``what`` in words, ``seconds`` waited (None for one that is held)."""

    mode: str
    what: str
    seconds: float | Unknown | None = None


@dataclass(frozen=True, slots=True)
class LockNode:
    """One session, or prepared transaction (``pid`` 0), in the tree of who waits for whom.

    ``waits`` is what it waits for, None for a root; ``holds`` is what others wait for. ``queued``: it holds nothing
    that its waiters want, but stands before them in the queue. ``blocked_by`` are keys of nodes;
    it stands under one of them, and once in the whole tree. ``blocks`` counts who waits for it, directly or not.
    """

    key: str
    pid: int
    session: Session | None
    prepared: Prepared | None
    waits: Wanted | None
    holds: tuple[Wanted, ...]
    queued: bool
    blocked_by: tuple[str, ...]
    blocks: int
    in_cycle: bool
    finding: Finding
    doing: str
    frees: str
    sql: str
    waiters: tuple[LockNode, ...]


@dataclass(frozen=True, slots=True)
class LocksSnapshot:
    """The blocking trees as of ``as_of``, the root that most wait for first.

    ``waiting`` sessions in all; ``hidden`` of those in the trees show only who they are.
    """

    as_of: datetime
    roots: tuple[LockNode, ...]
    waiting: int
    hidden: int
    hidden_remedy: str
    thresholds: Mapping[str, float]
