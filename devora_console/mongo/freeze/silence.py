"""Silence: nothing was written over a stated time, or since a record. By content, by counters, by change stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze import records
from devora_console.mongo.freeze.compare import Change, changes
from devora_console.mongo.freeze.counts import Counts, moved
from devora_console.mongo.freeze.look import Counted, Reading, Tell, look, read_record, require_same
from devora_console.mongo.freeze.server import Client, Login, Server, connected, examine
from devora_console.mongo.freeze.stream import Stream

CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One way to tell, and what it told. UNKNOWN where the server does not offer it."""

    name: str
    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Silence:
    """What was found. ``seconds`` is the time between the two readings (0: one reading only, against a record).

    ``since`` is the moment from which on nothing was written, ``until`` the one up to which that is known: with
    counters that is the end of the last reading, by content alone its beginning, as a collection that was read first
    may have changed while others were read.
    """

    silent: bool | Unknown
    seconds: float
    reading: Reading
    changed: tuple[Change, ...]
    evidence: tuple[Evidence, ...]
    since: datetime
    until: datetime
    against: datetime | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Question:
    """Whose silence: the connection that reads, and how patient to be."""

    login: Login
    database: str
    timeout_seconds: float


def watch_silence(asked: Question, seconds: float, tell: Tell, against: Path | None = None) -> Silence:
    """Read the source, wait ``seconds``, and read it again; with ``against`` compare with that record as well.

    Raises ConsoleError.
    """
    record = None if against is None else read_record(against)
    with connected(asked.login, asked.timeout_seconds) as client:
        server = examine(client, asked.database)
        if record is not None and against is not None:
            require_same(record, against, server.identity, asked.database)
        if seconds <= 0:
            assert record is not None
            return _against(record, _look(client, asked, server, tell))
        found = _window(client, asked, server, seconds, tell)
    return found if record is None else _both(record, found)


def _window(client: Client, asked: Question, server: Server, seconds: float, tell: Tell) -> Silence:
    with closing(Stream(client, server, asked.database)) as stream:
        stream.open()
        first = _look(client, asked, server, tell)
        clock = time.monotonic()
        tell(f"waiting {seconds:g} s")
        time.sleep(seconds)
        waited = time.monotonic() - clock
        last = _look(client, asked, server, tell)
        streamed = stream.writes()
    return judge(first, last, streamed, waited)


def _look(client: Client, asked: Question, server: Server, tell: Tell) -> Counted:
    return look(client, asked.login.url, server.identity, asked.database, asked.timeout_seconds, tell)


def judge(first: Counted, last: Counted, streamed: Mapping[str, int] | Unknown, seconds: float) -> Silence:
    """Silent when the content is the same and no counter of these collections moved.

    Counters of the whole server also count other databases: where the collections' own are known they only inform.
    """
    differ = changes(first.reading.collections, last.reading.collections)
    evidence = [_by_content(differ), _by_engine(first.before, last.after), _by_stream(streamed)]
    differ = _with_writes(differ, _written(first.before, last.after), streamed)
    whole = _by_server(first.before, last.after, told_apart=evidence[1].verdict is not Verdict.UNKNOWN)
    evidence.append(whole)
    verdicts = {each.verdict for each in evidence[:3]}
    silent: bool | Unknown = Verdict.FAIL not in verdicts
    own = {evidence[1].verdict, evidence[2].verdict}
    if silent and whole.verdict is Verdict.WARN and Verdict.OK not in own:
        silent = Unknown(
            "the content is the same, but somebody wrote to this server, and which database is not told",
            "Grant clusterMonitor to this user, or stop what writes to other databases",
        )
    if not first.reading.collections and not last.reading.collections:
        silent = Unknown(f"there is no collection in {last.reading.database}", "Check DB_NAME")
    until = last.reading.as_of if Verdict.OK in own else last.reading.began
    return Silence(silent, seconds, last.reading, differ, tuple(evidence), first.reading.began, until)


def _against(record: Reading, now: Counted) -> Silence:
    differ = changes(record.collections, now.reading.collections)
    evidence = (_by_content(differ), _by_engine(now.before, now.after))
    differ = _with_writes(differ, _written(now.before, now.after), {})
    until = now.reading.as_of if evidence[1].verdict is Verdict.OK else now.reading.began
    return Silence(not differ, 0.0, now.reading, differ, evidence, record.as_of, until, against=record.as_of)


def _both(record: Reading, found: Silence) -> Silence:
    """The window, and the record compared with its last reading."""
    differ = changes(record.collections, found.reading.collections)
    merged = tuple({each.collection: each for each in (*found.changed, *differ)}.values())
    silent = False if differ else found.silent
    evidence = (_by_content(differ, f"since the record of {iso(record.as_of)}"), *found.evidence)
    return Silence(
        silent,
        found.seconds,
        found.reading,
        merged,
        evidence,
        record.as_of if silent is True else found.since,
        found.until,
        against=record.as_of,
    )


def _by_content(differ: tuple[Change, ...], when: str = "") -> Evidence:
    name = f"{CONTENT} {when}".strip()
    if not differ:
        return Evidence(name, Verdict.OK, "every document of every collection is the same, to the byte")
    return Evidence(name, Verdict.FAIL, "; ".join(map(str, differ)))


def _calls(before: Counts, after: Counts) -> dict[str, int | Unknown]:
    gone = Unknown("a collection is gone")
    return {each: moved(count, after.collections.get(each, gone)) for each, count in before.collections.items()}


def _written(before: Counts, after: Counts) -> dict[str, int]:
    if before.started != after.started:
        return {}
    return {each: count for each, count in _calls(before, after).items() if not isinstance(count, Unknown) and count}


def _with_writes(
    differ: tuple[Change, ...], written: Mapping[str, int], streamed: Mapping[str, int] | Unknown
) -> tuple[Change, ...]:
    """What was written to and holds what it held: a change as well, as somebody writes."""
    events = {} if isinstance(streamed, Unknown) else streamed
    named = {each.collection for each in differ}
    back = sorted((written.keys() | events.keys()) - named)
    return (*differ, *(Change(each, "written to, and the content is as it was") for each in back))


def _by_engine(before: Counts, after: Counts) -> Evidence:
    name = "writes of each collection"
    if before.started != after.started:
        return Evidence(name, Verdict.UNKNOWN, "the server was started anew")
    written = _written(before, after)
    if written:
        words = ", ".join(f"{one_line(each, 80)} {count}" for each, count in written.items())
        return Evidence(name, Verdict.FAIL, f"the storage engine was asked to write: {words}")
    calls = _calls(before, after)
    unknown = [count for count in calls.values() if isinstance(count, Unknown)]
    if unknown:
        return Evidence(name, Verdict.UNKNOWN, f"{unknown[0].reason}; a write that was taken back is not seen here")
    if not calls:
        return Evidence(name, Verdict.UNKNOWN, "there is no collection to count")
    return Evidence(name, Verdict.OK, "the storage engine was not asked to write to any of them")


def _by_stream(streamed: Mapping[str, int] | Unknown) -> Evidence:
    name = "change stream"
    if isinstance(streamed, Unknown):
        return Evidence(name, Verdict.UNKNOWN, streamed.reason)
    if streamed:
        words = ", ".join(f"{one_line(each, 80)} {count}" for each, count in sorted(streamed.items()))
        return Evidence(name, Verdict.FAIL, f"changes were made: {words}")
    return Evidence(name, Verdict.OK, "no change came")


def _by_server(before: Counts, after: Counts, *, told_apart: bool) -> Evidence:
    name = "operation counters of the server"
    for each in (before.server, after.server):
        if isinstance(each, Unknown):
            return Evidence(name, Verdict.UNKNOWN, each.reason)
    if before.started != after.started:
        return Evidence(name, Verdict.UNKNOWN, "the server was started anew")
    assert not isinstance(before.server, Unknown)
    assert not isinstance(after.server, Unknown)
    ahead = {key: after.server.get(key, 0) - value for key, value in before.server.items()}
    written = [f"{key} +{count}" for key, count in ahead.items() if count]
    if not written:
        return Evidence(name, Verdict.OK, "no insert, update or delete on the whole server")
    whose = "of other databases" if told_apart else "of this or of other databases"
    return Evidence(name, Verdict.WARN, f"{', '.join(written)}: {whose}")


def keep(found: Silence, path: Path) -> None:
    """Write the last reading as a record. Raises ConsoleError (exit 4)."""
    records.write(path, records.SILENCE, {"silent_seconds": round(found.seconds, 3), **found.reading.document()})


def words(found: Silence) -> str:
    """One sentence. Content alone does not tell a write that was taken back: then it is not said that none was made."""
    if isinstance(found.silent, Unknown):
        return f"not proven silent: {found.silent.reason}"
    if not found.silent:
        return f"the source was written to: {', '.join(one_line(each.collection, 80) for each in found.changed)}"
    if found.against is not None and not found.seconds:
        return f"nothing has changed since the record of {iso(found.against)}"
    since = f", nor since the record of {iso(found.against)}" if found.against is not None else ""
    if all(each.verdict is Verdict.UNKNOWN for each in found.evidence if not each.name.startswith(CONTENT)):
        return f"silent, by content alone: nothing has changed in {span(found.seconds)}{since}"
    return f"silent: nothing was written in {span(found.seconds)}{since}"
