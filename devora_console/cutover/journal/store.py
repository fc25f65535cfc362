"""The journal: events of a run in SQLite, added at the end, each bound to the one before. It is the only truth.

Plain and blocking, safe to be used from several threads; a service hands it to a thread. What is returned from
:meth:`Journal.append` is on the disk.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from devora_console.config.secret import Secret, scrub
from devora_console.core.problems import refused
from devora_console.core.safetext import one_line
from devora_console.cutover import machine
from devora_console.cutover.events import GENESIS, Event, Kind, body, chained
from devora_console.cutover.fold import fold
from devora_console.cutover.journal import connect, disk, home, rows
from devora_console.cutover.journal.lock import DriverLock
from devora_console.cutover.known import refuse_secrets
from devora_console.cutover.state import Run

FREE = frozenset(
    {
        *(Kind.NOTE, Kind.VOTE, Kind.ATTESTED, Kind.WAIVED, Kind.GATE),
        *(Kind.ARTIFACT, Kind.EVIDENCE, Kind.NOTIFIED, Kind.CLOCK),
    }
)
"""What anybody may add. Everything else only the driver may, with his token."""

_JUMP = 2.0  # seconds by which the wall clock may part from the machine's before that is an event


class Journal:
    """The journal of one run, open for writing (:meth:`create`, :meth:`open`) or for looking on (:meth:`watch`).

    ``actor`` is who writes, as words such as "ana (ssh)". ``secrets`` never reach the disk. Errors of the disk are a
    ConsoleError (exit 5), after which nothing is half written and the journal can be read.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        *,
        actor: str = "",
        secrets: Sequence[Secret] = (),
        clock: Callable[[], machine.Moment] = machine.now,
    ) -> None:
        self.folder = folder
        self.path = folder / home.JOURNAL
        self._actor = rows.clean(scrub(actor, *secrets))
        self._secrets = tuple(secrets)
        self._clock = clock
        self._lock = threading.RLock()
        self._driver = DriverLock(folder / home.DRIVER_LOCK)
        self._run: Run | None = None
        self._last: Event | None = None
        self._connection = connection
        self._again = False  # whether this watcher's connection does not see what is new

    # --- opening ------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        folder: Path,
        run: str,
        payload: Mapping[str, object],
        actor: str,
        *,
        secrets: Sequence[Secret] = (),
        clock: Callable[[], machine.Moment] = machine.now,
    ) -> Self:
        """A new run in the folder of runs, with ``payload`` as what created it.

        The runbook's ``text`` and the ``variables`` are kept word for word, so that their hash stays true; one that
        holds a secret is refused (exit 4) and nothing is made.
        """
        refuse_secrets(payload, secrets)
        disk.check_room(folder)
        path = home.make_run(folder, run)
        os.close(os.open(path / home.JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        journal = cls(path, connect.writer(path / home.JOURNAL), actor=actor, secrets=secrets, clock=clock)
        try:
            with journal._transaction():
                for statement in rows.SCHEMA:
                    journal._connection.execute(statement)
                event = journal._added(run, Kind.CREATED, payload, None, None)
            connect.tell_head(path, event)
        except BaseException:  # protects the file: it is not kept open for a run that was not made
            journal.close()
            raise
        return journal

    @classmethod
    def open(
        cls,
        folder: Path,
        actor: str,
        *,
        secrets: Sequence[Secret] = (),
        clock: Callable[[], machine.Moment] = machine.now,
    ) -> Self:
        """The journal in a run's folder, to add to it. Refused (exit 4) where the folder is not fit for that."""
        path = connect.there(folder)
        disk.check(folder)
        return cls(folder, connect.writer(path), actor=actor, secrets=secrets, clock=clock)

    @classmethod
    def watch(cls, folder: Path) -> Self:
        """The journal in a run's folder, to look on: nothing is ever written."""
        connection, again = connect.reader(connect.there(folder))
        journal = cls(folder, connection)
        journal._again = again
        return journal

    def close(self) -> None:
        """Let go of it, and of being the driver."""
        with self._lock:
            self._driver.release()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- reading ------------------------------------------------------------------------------------

    def events(self, after_seq: int = 0) -> tuple[Event, ...]:
        """The events after this one, in order."""
        query = f"SELECT {rows.COLUMNS} FROM event WHERE seq > ? ORDER BY seq"  # noqa: S608 - names of this module
        with self._lock, self._failing():
            if self._again:
                self._connection.close()
                self._connection, self._again = connect.reader(self.path)
            try:
                return tuple(rows.read(row) for row in self._connection.execute(query, (after_seq,)))
            except ValueError as error:
                raise rows.failed(self.path, sqlite3.DatabaseError(f"an event cannot be read: {error}")) from None

    def state(self) -> Run:
        """Where the run stands now. Only what was added since the last call is read."""
        with self._lock:
            self._catch_up()
            if self._run is None:
                raise rows.failed(self.path, sqlite3.DatabaseError("it has no events"))
            return self._run

    def _catch_up(self) -> None:
        new = self.events(self._last.seq if self._last else 0)
        if new:
            try:
                self._run, self._last = fold(new, self._run), new[-1]
            except (KeyError, ValueError, TypeError) as error:  # changed by hand: nothing that was added is unreadable
                raise rows.failed(self.path, sqlite3.DatabaseError(f"its events make no run: {error!r}")) from None

    # --- adding -------------------------------------------------------------------------------------

    def append(
        self,
        kind: Kind,
        payload: Mapping[str, object],
        *,
        step: str | None = None,
        attempt: int | None = None,
        token: int | None = None,
    ) -> Event:
        """Add an event; it is on the disk when this returns.

        What is not :data:`FREE` needs the driver's ``token``; one that is no longer the run's is refused (exit 4), in
        the same transaction. An event that the fold cannot read is an error of the caller (ValueError, KeyError), and
        is not written.
        """
        if kind in (Kind.CREATED, Kind.DRIVER) or (token is None and kind not in FREE):
            raise ValueError(f"{kind.value} is not added like this, or not without a token")
        with self._lock:
            with self._transaction():
                run = self.state()
                if token is not None and token != run.token:
                    raise refused(
                        "cutover_taken_over",
                        f"another console has taken over: {one_line(run.driver)} drives this run now",
                        "Nothing was written. This console may look on: devora-console cutover watch.",
                    )
                event = self._added(run.id, kind, payload, step, attempt)
            connect.tell_head(self.folder, event)
        return event

    def take_driver(self, holder: str) -> int:
        """Become the driver, as ``holder`` (who and where, in words); the new token. Refused (exit 4) when one is.

        One is the driver as long as this journal is open and the process lives. Whoever was it before finds his token
        to be worth nothing.
        """
        with self._lock:
            self._driver.take(rows.clean(scrub(holder, *self._secrets)))
            try:
                with self._transaction():
                    run = self.state()
                    token = run.token + 1
                    said = {"token": token, "holder": scrub(holder, *self._secrets), "from": run.token}
                    event = self._added(run.id, Kind.DRIVER, said, None, None)
            except BaseException:  # protects the lock: who did not become the driver must not hold it
                self._driver.release()
                raise
            connect.tell_head(self.folder, event)
        return token

    def release_driver(self) -> None:
        """Let somebody else become the driver."""
        self._driver.release()

    def driver(self) -> str | None:
        """Who drives at this moment, in words; None when nobody does."""
        return self._driver.holder()

    def _added(
        self, run: str, kind: Kind, payload: Mapping[str, object], step: str | None, attempt: int | None
    ) -> Event:
        moment = self._clock()
        last = self._last
        if last is not None and last.boot == moment.boot:
            jump = (moment.at - last.at).total_seconds() - (moment.mono - last.mono)
            if abs(jump) > _JUMP:
                self._insert(run, moment, Kind.CLOCK, {"seconds": round(jump, 3), "boot_id": moment.boot}, None, None)
        return self._insert(run, moment, kind, payload, step, attempt)

    def _insert(
        self,
        run: str,
        moment: machine.Moment,
        kind: Kind,
        payload: Mapping[str, object],
        step: str | None,
        attempt: int | None,
    ) -> Event:
        last = self._last
        event = Event(
            seq=last.seq + 1 if last else 1,
            run=run,
            at=moment.at,
            mono=moment.mono,
            boot=moment.boot,
            actor=self._actor,
            host=moment.host,
            kind=kind,
            step=step,
            attempt=attempt,
            payload=rows.plain(payload, kind, self._secrets),
            previous=last.hash if last else GENESIS,
            hash="",
        )
        event = replace(event, hash=chained(body(event), event.previous))
        run_after = fold([event], self._run)  # what cannot be read back is never written
        self._connection.execute(rows.INSERT, rows.row(event))
        self._run, self._last = run_after, event
        return event

    # --- the disk -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, in the database and in what is remembered of it."""
        before = self._run, self._last
        with self._failing():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:  # protects the journal: half an event is taken back whatever came, Ctrl-C too
                self._run, self._last = before
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise rows.failed(self.path, error) from None
