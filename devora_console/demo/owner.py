"""``owner.json``: which process owns a demo's folder, and which servers run in it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devora_console.core.problems import usage_error
from devora_console.demo.processes import ProcessMark

OWNER_FILE = "owner.json"
LOCK_FILE = "lock"


@dataclass(slots=True)
class Record:
    """What ``owner.json`` says: the owner, its servers by name, a socket directory outside the home."""

    owner: ProcessMark
    temporary: bool
    servers: dict[str, ProcessMark] = field(default_factory=dict)
    sockets: Path | None = None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the home's lock: looking at the owner and becoming it must be one step."""
    handle = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_record(path: Path) -> Record | None:
    """What ``owner.json`` says; None when there is none. ConsoleError (exit 2) when it is damaged."""
    file = path / OWNER_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        data = json.loads(text)
        return Record(
            owner=_mark(data["owner"]),
            temporary=bool(data["temporary"]),
            servers={str(name): _mark(mark) for name, mark in data["servers"].items()},
            sockets=Path(data["sockets"]) if data["sockets"] else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise usage_error(
            "demo.owner_file", f"{file} cannot be understood", "remove it if no demo runs in that folder"
        ) from error


def _mark(data: Mapping[str, object]) -> ProcessMark:
    return ProcessMark(int(str(data["pid"])), str(data["born"]))


def write_record(path: Path, record: Record) -> None:
    """Write the home's ``owner.json``, in one step and for us only."""
    data = {
        "owner": {"pid": record.owner.pid, "born": record.owner.born},
        "temporary": record.temporary,
        "servers": {name: {"pid": m.pid, "born": m.born} for name, m in record.servers.items()},
        "sockets": None if record.sockets is None else str(record.sockets),
    }
    file = path / OWNER_FILE
    draft = path / f".{OWNER_FILE}"
    draft.write_text(json.dumps(data, indent=1), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(file)
