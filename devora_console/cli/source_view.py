"""How ``source`` answers: lines for people, keys for scripts."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from devora_console.cli.tables import number
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.problems import Problem
from devora_console.core.safetext import one_line, safe
from devora_console.core.unknown import Unknown
from devora_console.mongo.freeze.book import How
from devora_console.mongo.freeze.canary import Canary
from devora_console.mongo.freeze.freezing import Frozen
from devora_console.mongo.freeze.silence import Silence, words
from devora_console.mongo.freeze.thawing import Thawed
from devora_console.mongo.freeze.writers import Writers

_SIGNS = {Verdict.OK: "✓", Verdict.FAIL: "✗", Verdict.WARN: "!", Verdict.UNKNOWN: "?"}
_HOW = {
    How.WRITE_BLOCK: "the server refuses the writes of all users (setUserWriteBlockMode)",
    How.ROLES: "the application's users may read only",
    How.MAINTENANCE: "the application's maintenance mode is the freeze; nothing is blocked on the server",
    How.NOTHING: "nothing was blocked",
}


def known(verdict: bool | None, reason: str) -> bool | Unknown:
    """None as an Unknown with its reason."""
    return Unknown(reason) if verdict is None else verdict


def _sign(verdict: bool | Unknown) -> str:
    return "?" if isinstance(verdict, Unknown) else "✓" if verdict else "✗"


def _line(out: Console, text: str) -> None:
    out.print(Text(safe(text)))


def frozen_keys(found: Frozen) -> dict[str, object]:
    """Keys of ``freeze``."""
    return {
        "frozen": found.frozen,
        "how": found.how,
        "canary": found.canary,
        "control": found.control,
        "users": found.book.users,
        "record": found.record,
        "notes": found.notes,
    }


def print_frozen(out: Console, found: Frozen) -> None:
    """The verdict, how, what the canary met."""
    head = "frozen" if found.frozen is True else "not frozen"
    if isinstance(found.frozen, Unknown):
        head = "not blocked" if found.how is How.MAINTENANCE else "not known whether it is frozen"
    _line(out, f"{_sign(found.frozen)} {head}: {_HOW[found.how]}")
    if found.canary is not None:
        before = "before anything was blocked: " if found.canary is found.control else ""
        _line(out, f"  canary {before}{found.canary.words}")
    for note in found.notes:
        _line(out, f"  ! {note}")
    _line(out, f"  record {found.record}")


def frozen_problems(found: Frozen) -> tuple[Problem, ...]:
    """What to do when it is not frozen, or when nothing but silence can prove it."""
    if found.how is How.MAINTENANCE:
        assert isinstance(found.frozen, Unknown)
        return (Problem("freeze_maintenance", found.frozen.reason, found.frozen.remedy),)
    if found.how is How.NOTHING and found.frozen is not True:
        reason = found.notes[0] if found.notes else "nothing could be blocked"
        return (
            Problem(
                "freeze_impossible",
                f"{reason}; the application's maintenance mode is the freeze",
                "If it is on, say so with --maintenance-is-the-freeze, and prove silence: source silence --record FILE",
            ),
        )
    if isinstance(found.frozen, Unknown):
        return (Problem("freeze_unproven", found.frozen.reason, found.frozen.remedy),)
    if not found.frozen:
        remedy = f"Find out why; source unfreeze --record {found.record} takes the block back"
        return (Problem("freeze_not_held", "the block does not keep the application from writing", remedy),)
    return ()


def thawed_keys(found: Thawed) -> dict[str, object]:
    """Keys of ``unfreeze``."""
    return {
        "frozen": None if found.canary is None else known(found.canary.frozen, found.canary.words),
        "how": found.book.how,
        "state": found.book.state,
        "done": found.done,
        "left": found.left,
        "canary": found.canary,
        "record": found.record,
    }


def print_thawed(out: Console, found: Thawed) -> None:
    """What was undone, and what was not."""
    done = "✓ undone" if found.book.how in (How.ROLES, How.WRITE_BLOCK) else "✓ there is nothing to undo"
    _line(out, "✗ not wholly undone" if found.left else done)
    for each in found.done:
        _line(out, f"  {each}")
    if found.canary is not None:
        _line(out, f"  canary {found.canary.words}")
    _line(out, f"  record {found.record}")


def print_canary(out: Console, found: Canary) -> None:
    """The verdict in one line."""
    head = {True: "✓ frozen", False: "✗ not frozen", None: "? not known"}[found.frozen]
    _line(out, f"{head}: canary {found.words}")


def print_writers(out: Console, found: Writers) -> None:
    """Writes under way, then who is connected."""
    if isinstance(found.operations, Unknown):
        remedy = f". {found.operations.remedy}" if found.operations.remedy else ""
        _line(out, f"? writes under way: {found.operations.reason}{remedy}")
    elif not found.operations:
        _line(out, "✓ no write and no transaction is under way")
    else:
        for each in found.operations:
            age = "" if each.seconds is None else f" for {span(each.seconds)}"
            who = f"{each.app or 'a program without a name'} from {each.client or 'the server itself'}"
            _line(out, f"✗ {each.what} {each.namespace}{age}: {who}")
    if not isinstance(found.connections, Unknown):
        for line in found.connections:
            who = f"{line.app or 'a program without a name'} from {line.host}"
            _line(out, f"  {number(line.connections)} connections: {who}")


def silence_keys(found: Silence) -> dict[str, object]:
    """Keys of ``silence``."""
    reading = found.reading
    return {
        "silent": found.silent,
        "seconds": round(found.seconds, 3),
        "against": found.against,
        "changed": {each.collection: each.what for each in found.changed},
        "evidence": found.evidence,
        "collections": {
            name: {"documents": each.documents, "digest": each.digest} for name, each in reading.collections.items()
        },
        "since": found.since,
        "until": found.until,
        "server": reading.server,
        "read_seconds": round(reading.seconds, 3),
        "read_bytes": reading.bytes,
    }


def print_silence(out: Console, found: Silence) -> None:
    """Collections with their digests, the evidence, the verdict."""
    table = Table(box=None, pad_edge=False)
    table.add_column("collection")
    table.add_column("documents", justify="right")
    table.add_column("digest")
    for name, each in found.reading.collections.items():
        table.add_row(Text(one_line(name, 60)), number(each.documents), each.digest[:16])
    out.print(table)
    for proof in found.evidence:
        _line(out, f"{_SIGNS[proof.verdict]} {proof.name}: {proof.words}")
    reading = found.reading
    speed = reading.bytes / 1e6 / max(reading.seconds, 1e-6)
    _line(out, f"  read in {span(reading.seconds)}: {reading.bytes / 1e6:.1f} MB, {speed:.0f} MB/s")
    _line(out, f"{_sign(found.silent)} {words(found)}; known up to {iso(found.until.replace(microsecond=0))}")
