"""Whether a journal and the files that it speaks of are as they were written: which event is wrong, and how."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.cutover.events import GENESIS, Event, Kind, body, chained
from devora_console.cutover.journal import connect, home, rows


class Wrong(StrEnum):
    """What is wrong."""

    CHANGED = "changed"
    MISSING = "missing"
    ORDER = "out of order"
    REPLACED = "replaced"  # whole in itself, but not what the next one was written after
    CUT = "cut short"
    UNGUARDED = "unguarded"  # the database no longer refuses changes
    FILE_CHANGED = "file changed"
    FILE_MISSING = "file missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: with which event (None: with none of them), and in words."""

    wrong: Wrong
    seq: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at and what was found. ``last`` is the hash of the last event, to be kept elsewhere: who can
    write to the folder could write all of it anew. ``whole`` is whether events at the end were cut off; Unknown without
    the file that tells how far it went.
    """

    events: int
    files: int
    last: str
    whole: bool | Unknown
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether everything is as it was written."""
        return not self.findings


def verify(folder: Path) -> Verified:
    """Read the journal in a run's folder and every file it names; nothing is written."""
    path = connect.there(folder)
    connection, _ = connect.reader(path)
    try:
        raw = connection.execute(f"SELECT {rows.COLUMNS} FROM event ORDER BY seq").fetchall()  # noqa: S608 - ours
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        broken = Finding(Wrong.UNREADABLE, None, f"the database cannot be read: {one_line(str(error))}")
        return Verified(0, 0, "", Unknown("the database cannot be read"), (broken,))
    finally:
        connection.close()
    findings: list[Finding] = []
    if state != "ok":
        findings.append(Finding(Wrong.UNREADABLE, None, f"the database is damaged: {one_line(str(state))}"))
    if lost := sorted(set(rows.TRIGGERS) - names):
        findings.append(Finding(Wrong.UNGUARDED, None, f"the database lost its guard {', '.join(lost)}"))
    events, unread = _events(raw)
    findings += [*unread, *_chain(events, {each.seq for each in unread})]
    whole, cut = _end(folder, events)
    files, wrong = _files(folder, events)
    order = sorted([*findings, *cut, *wrong], key=lambda each: (each.seq is None, each.seq or 0))
    return Verified(len(raw), files, events[-1].hash if events else "", whole, tuple(order))


def _events(raw: list[tuple[object, ...]]) -> tuple[list[Event], list[Finding]]:
    events, findings = [], []
    for row in raw:
        try:
            event = rows.read(row)
            chained(body(event), event.previous)
        except (ValueError, TypeError) as error:
            words = f"event {row[0]} was changed: it cannot be read ({one_line(str(error), 80)})"
            findings.append(Finding(Wrong.CHANGED, int(str(row[0])), words))
        else:
            events.append(event)
    return events, findings


def _chain(events: list[Event], unread: set[int | None]) -> Iterator[Finding]:
    places = _places(events)
    before: Event | None = None
    for event in events:
        expected = before.seq + 1 if before else 1
        gap = [seq for seq in range(expected, event.seq) if seq not in unread]
        if gap:
            which = f"event {gap[0]} is" if len(gap) == 1 else f"events {gap[0]} to {gap[-1]} are"
            yield Finding(Wrong.MISSING, gap[0], f"{which} missing")
        place = places.get(event.hash)
        if chained(body(event), event.previous) != event.hash:
            if place is not None and chained(body(replace(event, seq=place)), event.previous) == event.hash:
                yield Finding(Wrong.ORDER, event.seq, f"event {event.seq} is out of order: it was number {place}")
            else:
                yield Finding(Wrong.CHANGED, event.seq, f"event {event.seq} ({event.kind.value}) was changed")
        elif event.seq == expected and event.previous != (before.hash if before else GENESIS):
            if before is None:
                yield Finding(Wrong.REPLACED, event.seq, "the first event follows another one, which is not there")
            elif chained(body(before), before.previous) == before.hash:  # else it was told already
                words = f"event {before.seq} was replaced: event {event.seq} was written after another one"
                yield Finding(Wrong.REPLACED, before.seq, words)
        if before and event.run != before.run:
            yield Finding(Wrong.REPLACED, event.seq, f"event {event.seq} is of another run, {one_line(event.run, 60)}")
        elif before and event.boot == before.boot and event.mono < before.mono and place == event.seq:
            words = f"event {event.seq} is older than the one before it, by the machine's clock"
            yield Finding(Wrong.ORDER, event.seq, words)
        before = event


def _places(events: list[Event]) -> dict[str, int]:
    """The number that each event has by its hash: following the chain from its beginning, whatever its row says."""
    following = {event.previous: event for event in events}
    places: dict[str, int] = {}
    link = GENESIS
    while link in following and following[link].hash not in places:
        link = following[link].hash
        places[link] = len(places) + 1
    return places


def _end(folder: Path, events: list[Event]) -> tuple[bool | Unknown, list[Finding]]:
    told = connect.head(folder)
    if told is None:
        return Unknown(f"{folder / home.HEAD}, which tells how far the journal went, is missing or broken"), []
    seq, digest = told
    last = events[-1].seq if events else 0
    if last < seq:
        which = f"event {seq} is" if seq == last + 1 else f"events {last + 1} to {seq} are"
        return False, [Finding(Wrong.CUT, last + 1, f"the journal was cut short: {which} missing at its end")]
    if not any(event.seq == seq and event.hash == digest for event in events):
        words = f"event {seq} is not the one that {home.HEAD} tells of"
        return True, [Finding(Wrong.REPLACED, seq, words)]
    return True, []


# --- files ------------------------------------------------------------------------------------------


def digest(path: Path) -> str:
    """The SHA-256 of a file; of a folder, that of the lines ``<SHA-256>  <relative path>`` of its files, sorted.

    Artifacts are written down with this, so that they can be compared.
    """
    if path.is_dir():
        lines = sorted(
            f"{digest(each)}  {each.relative_to(path).as_posix()}\n" for each in path.rglob("*") if each.is_file()
        )
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path, events: list[Event]) -> tuple[int, list[Finding]]:
    findings: list[Finding] = []
    named = [(event, *pair) for event in events if (pair := _named(folder, event))]
    for event, path, sha in named:
        try:
            found = digest(path)
        except FileNotFoundError:
            findings.append(Finding(Wrong.FILE_MISSING, event.seq, f"{path}, of event {event.seq}, is missing"))
            continue
        except OSError as error:
            words = f"{path}, of event {event.seq}, cannot be read: {error.strerror}"
            findings.append(Finding(Wrong.UNREADABLE, event.seq, words))
            continue
        if found != sha:
            findings.append(Finding(Wrong.FILE_CHANGED, event.seq, f"{path}, of event {event.seq}, was changed"))
    return len(named), findings


def _named(folder: Path, event: Event) -> tuple[Path, str] | None:
    """The file that an event speaks of, with its hash; None when it speaks of none, or without a hash."""
    said = event.payload
    if event.kind is Kind.ARTIFACT and said.get("sha256"):
        return folder / str(said["path"]), str(said["sha256"])
    if event.kind is Kind.EXITED and said.get("out_sha") and event.step is not None and event.attempt is not None:
        attempt = home.attempt_folder(folder, event.step, event.attempt, undo=bool(said.get("undo")))
        return attempt / "out.raw", str(said["out_sha"])
    return None
