"""How events are kept: the table, its rows, and what a payload is made of."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from devora_console.config.secret import Secret, scrub
from devora_console.core.clock import iso
from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.core.snapshot import Json, to_json
from devora_console.cutover.events import Event, Kind
from devora_console.cutover.known import held_in

VERSION = 1
COLUMNS = "seq, run, at, mono, boot, actor, host, kind, step, attempt, payload, previous, hash"
INSERT = f"INSERT INTO event ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"  # noqa: S608 - ours
TRIGGERS = ("event_is_never_changed", "event_is_never_deleted", "event_comes_last")

SCHEMA = (
    """
    CREATE TABLE event (
        seq      INTEGER PRIMARY KEY,
        run      TEXT NOT NULL,
        at       TEXT NOT NULL,
        mono     REAL NOT NULL,
        boot     TEXT NOT NULL,
        actor    TEXT NOT NULL,
        host     TEXT NOT NULL,
        kind     TEXT NOT NULL,
        step     TEXT,
        attempt  INTEGER,
        payload  TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash     TEXT NOT NULL
    )
    """,
    """
    CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never changed'); END
    """,
    """
    CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END
    """,
    # INSERT OR REPLACE deletes without firing the trigger above.
    """
    CREATE TRIGGER event_comes_last BEFORE INSERT ON event
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM event)
    BEGIN SELECT RAISE(ABORT, 'events are added at the end'); END
    """,
    f"PRAGMA user_version = {VERSION}",
)

# Their values are the console's own words and names. A password such as "running" must not take them away.
_OURS = frozenset(
    {
        *(
            "state",
            "gate",
            "scope",
            "vote",
            "verdict",
            "class",
            "by",
            "kind",
            "level",
            "phase",
            "probe",
            "mode",
            "strategy",
        ),
        *("sha", "plan_sha", "sha256", "out_sha", "evidence_sha", "steps", "holder", "boot_id", "true_at", "expires"),
        *("window_ends", "ends_at", "despite", "source", "git", "runbook", "environment", "strategy", "sink"),
    }
)
_WHOLE = frozenset({"text", "variables"})  # of the event that creates a run: see Journal.create


def read(row: tuple[object, ...]) -> Event:
    """The event of a row. Raises ValueError when it is not one."""
    seq, run, at, mono, boot, actor, host, word, step, attempt, payload, previous, digest = row
    return Event(
        seq=int(str(seq)),
        run=str(run),
        at=datetime.fromisoformat(str(at)),
        mono=float(str(mono)),
        boot=str(boot),
        actor=str(actor),
        host=str(host),
        kind=kind(str(word)),
        step=None if step is None else str(step),
        attempt=None if attempt is None else int(str(attempt)),
        payload=json.loads(str(payload)),
        previous=str(previous),
        hash=str(digest),
    )


def row(event: Event) -> tuple[object, ...]:
    """The row of an event."""
    return (
        event.seq,
        event.run,
        iso(event.at),
        event.mono,
        event.boot,
        event.actor,
        event.host,
        event.kind.value,
        event.step,
        event.attempt,
        json.dumps(event.payload, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")),
        event.previous,
        event.hash,
    )


def kind(word: str) -> Kind:
    """The kind of this word; one that a newer console wrote is kept as it is, and changes nothing here."""
    try:
        return Kind(word)
    except ValueError:
        unknown = str.__new__(Kind, word)
        unknown._name_ = unknown._value_ = word
        return unknown


def plain(payload: Mapping[str, object], of: Kind, secrets: tuple[Secret, ...]) -> dict[str, Json]:
    """A payload as it may be written: plain JSON that every reader can read, without credentials."""
    whole = _WHOLE if of is Kind.CREATED else frozenset[str]()
    found = to_json(payload)
    assert isinstance(found, dict)
    return {
        _name(key, secrets): _written(value, () if key in whole else secrets, redacted=key not in whole | _OURS)
        for key, value in found.items()
    }


def _name(key: str, secrets: tuple[Secret, ...]) -> str:
    """A key, which is a word of ours nearly always, and no secret where it is not."""
    return clean(scrub(key, *secrets) if held_in(key, secrets) else key)


def clean(text: str) -> str:
    """Text without halves of surrogate pairs (a file name that is no UTF-8), which nothing could be hashed with."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _written(value: Json, secrets: tuple[Secret, ...], *, redacted: bool) -> Json:
    if isinstance(value, str):
        return clean(scrub(value, *secrets)) if redacted else clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    if isinstance(value, list):
        return [_written(each, secrets, redacted=redacted) for each in value]
    if isinstance(value, dict):
        return {
            _name(key, secrets): _written(each, secrets, redacted=redacted and key not in _OURS)
            for key, each in value.items()
        }
    return value


def failed(path: Path, error: sqlite3.Error) -> ConsoleError:
    """What SQLite said of the journal, for a person (exit 5): a full disk, a lock, damage."""
    name = getattr(error, "sqlite_errorname", "")
    words = one_line(str(error))
    if name in ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR"):
        code, message = "cutover_disk", f"the journal {path} cannot be written: {words}"
        remedy = "Nothing of it was lost. Make room on that disk, then go on."
    elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        code, message = "cutover_busy", f"the journal {path} has been locked by somebody else for too long"
        remedy = "See who has it open, then try again."
    else:
        code, message = "cutover_journal", f"the journal {path} cannot be used: {words}"
        remedy = f"devora-console cutover verify {path.parent.name} tells more."
    return ConsoleError.of(ExitCode.STOPPED, code, message, remedy)
