"""Where units are worked on: a PostgreSQL connection and what is learnt about collections, kept from unit to unit."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

import asyncpg

from devora_console.config.secret import Dsn
from devora_console.migration.failures import explain
from devora_console.migration.mapping import Mapping
from devora_console.migration.packed import Packer
from devora_console.migration.plan import CollectionPlan, plan_collection
from devora_console.migration.stage import Stage
from devora_console.migration.target import Target
from devora_console.postgres.connect import LOST, connect

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Context:
    """What all units of a job share. It crosses to worker processes over their own pipes, never by argument."""

    token: str
    revealed: str | None = field(repr=False)  # the connection string, since secrets are not pickled
    mapping: Mapping
    target: Target
    purpose: str
    run: UUID | None = None  # None: nothing may be written
    epoch: int = 0
    timeout_seconds: float = 10.0

    @property
    def postgres(self) -> Dsn | None:
        """The connection string as a secret."""
        return None if self.revealed is None else Dsn(self.revealed)


class Unit(Protocol[R_co]):
    """One piece of work."""

    @property
    def largest(self) -> int:
        """Bytes of its largest document: decoded, it takes many times as much memory."""
        ...

    async def work(self, seat: Seat) -> R_co:
        """Do it. Raises ConsoleError, or what PostgreSQL raises."""
        ...


class Seat:
    """One worker's place in a job. Not to be shared between threads."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.loop = asyncio.new_event_loop()
        self.name = f"{os.getpid()}"
        self._connection: Connection | None = None
        self._plans: dict[str, CollectionPlan] = {}
        self._packers: dict[str, Packer] = {}
        self._stages: dict[str, Stage] = {}

    def plan(self, collection: str) -> CollectionPlan:
        """The plan of a mapped collection."""
        if collection not in self._plans:
            self._plans[collection] = plan_collection(self.context.mapping.collection(collection), self.context.target)
        return self._plans[collection]

    def packer(self, collection: str) -> Packer:
        """The converter of a mapped collection."""
        if collection not in self._packers:
            self._packers[collection] = Packer(self.plan(collection))
        return self._packers[collection]

    async def connection(self) -> Connection:
        """This seat's connection."""
        if self._connection is None or self._connection.is_closed():
            self._stages.clear()
            self._connection = await connect(
                self.context.postgres,
                purpose=self.context.purpose,
                read_only=self.context.run is None,
                timeout_seconds=self.context.timeout_seconds,
                statement_timeout_seconds=0,
            )
            if self.context.run is not None:
                # Rows, accounts and checkpoint are lost together or not at all; the run's end waits for the disk.
                await self._connection.execute("SET synchronous_commit = off")
        return self._connection

    async def stage(self, collection: str) -> Stage:
        """The temporary twins of a collection's tables on this seat's connection."""
        connection = await self.connection()
        if collection not in self._stages:
            stage = Stage(connection, self.plan(collection), self.context.target)
            await stage.create()
            self._stages[collection] = stage
        return self._stages[collection]

    def forget_stages(self) -> None:
        """After a rollback: twins that were made in the transaction went with it, so all are made anew."""
        self._stages.clear()

    def drop(self) -> None:
        """After a failure: the next unit gets a new connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def close(self) -> None:
        """Give everything back."""
        if self._connection is not None and not self._connection.is_closed():
            try:
                self.loop.run_until_complete(self._connection.close(timeout=2))
            except (TimeoutError, *LOST, asyncpg.PostgresError):
                self._connection.terminate()
        self.loop.close()


_HERE = threading.local()
_HEAVY_BYTES = 4_000_000
_TRIES = 6
_alone: AbstractContextManager[Any] = nullcontext()


def take_turns(lock: AbstractContextManager[Any]) -> None:
    """Units with a huge document need many times its size in memory: workers with one lock take them in turn."""
    global _alone  # noqa: PLW0603 - one per process, set as it starts
    _alone = lock


def run(token: str, packed: bytes, unit: Unit[R]) -> R:
    """Work on a unit in this thread; ``packed`` is the pickled context of that token.

    Raises ConsoleError, which is all that crosses back from another process.
    """
    seat: Seat | None = getattr(_HERE, "seat", None)
    if seat is None or seat.context.token != token:
        leave()
        seat = _HERE.seat = Seat(pickle.loads(packed))  # noqa: S301 - from our own parent
    context = seat.context
    try:
        with _alone if unit.largest > _HEAVY_BYTES else nullcontext():
            return _patiently(seat, unit)
    except (asyncpg.PostgresError, *LOST) as error:
        seat.drop()
        raise explain(error, context.postgres, writing=context.run is not None) from None
    except BaseException:  # protects the next unit: this one may have left a transaction open
        seat.drop()
        raise
    finally:
        if not gc.isenabled():  # a worker process: nobody else looks
            gc.collect()


def _patiently(seat: Seat, unit: Unit[R]) -> R:
    """Work on it; once more, and again, when PostgreSQL broke a deadlock between two batches at our expense."""
    for tried in range(_TRIES):
        try:
            return seat.loop.run_until_complete(unit.work(seat))
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            if tried == _TRIES - 1:
                raise
            unit = again(unit)
            seat.forget_stages()
            time.sleep(random.uniform(0, 0.2 * 2**tried))  # noqa: S311 - so that the two do not meet again
    raise AssertionError("not reached")


def again(unit: Unit[R]) -> Unit[R]:
    """The unit, told that it may have been done already."""
    repeated: Callable[[], Unit[R]] | None = getattr(unit, "again", None)
    return unit if repeated is None else repeated()


def leave() -> None:
    """Close this thread's seat."""
    seat: Any = getattr(_HERE, "seat", None)
    if seat is not None:
        _HERE.seat = None
        seat.close()
