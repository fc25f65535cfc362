"""A log of every statement an act ran: JSON lines that are only ever added to, readable for their owner alone.

One line is on disk before the statement is sent (the intent) and one after it ended (the result). An intent without a
result means that the console was ended in between, or is still at it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from devora_console.config.paths import data_dir
from devora_console.core.clock import iso, utc_now
from devora_console.core.problems import refused

NAME = "acts.jsonl"
CUT_SHORT = "unknown: the console was ended while it ran"
STILL = "running"


@dataclass(frozen=True, slots=True)
class Logged:
    """One statement: when it was sent (ISO, UTC), where, by whom, for what, and what came of it.

    ``result`` is a word of Outcome, ``running``, or that it is unknown; ``seconds`` None until it ended.
    """

    at: str
    act: str
    object: str
    server: str
    user: str
    sql: str
    result: str
    seconds: float | None
    sqlstate: str | None
    message: str


class ActLog:
    """The log in the console's data directory."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = data_dir() / NAME if path is None else path

    def intend(self, *, act: str, object_: str, server: str, user: str, sql: str) -> str:
        """Write down what is about to be done; its id. Raises ConsoleError (exit 4): what cannot be recorded is not
        done."""
        key = str(uuid4())
        said = {"act": act, "object": object_, "server": server, "user": user, "sql": sql}
        self._append({"id": key, "phase": "intent", "at": iso(utc_now()), "process": _process(os.getpid()), **said})
        return key

    def ended(self, key: str, *, result: str, seconds: float, sqlstate: str | None, message: str) -> None:
        """Write down what came of it. Raises ConsoleError as :meth:`intend`."""
        said = {"result": result, "seconds": round(seconds, 3), "sqlstate": sqlstate, "message": message}
        self._append({"id": key, "phase": "result", "at": iso(utc_now()), **said})

    def read(self, limit: int) -> tuple[list[Logged], int]:
        """The last ``limit`` statements, the newest last, and how many lines could not be read."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return [], 0
        intents: dict[str, dict[str, Any]] = {}
        results: dict[str, dict[str, Any]] = {}
        broken = 0
        for line in filter(None, lines):
            try:
                entry = json.loads(line)
                (intents if entry["phase"] == "intent" else results)[entry["id"]] = entry
            except (ValueError, KeyError, TypeError):
                broken += 1
        found = [_logged(entry, results.get(key)) for key, entry in intents.items()]
        return found[-limit:], broken

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=True).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                end = os.fstat(descriptor).st_size
                if end and os.pread(descriptor, 1, end - 1) != b"\n":
                    line = b"\n" + line  # the one before was cut off in the middle of its line
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise refused(
                "act_log",
                f"acts are recorded, and {self.path} cannot be written: {error.strerror}",
                "Mend that, or set DEVORA_CONSOLE_HOME to a directory of yours",
            ) from None


def _logged(intent: Mapping[str, Any], result: Mapping[str, Any] | None) -> Logged:
    said = {name: str(intent.get(name, "")) for name in ("at", "act", "object", "server", "user", "sql")}
    if result is None:
        return Logged(
            **said, result=STILL if _runs(intent.get("process")) else CUT_SHORT, seconds=None, sqlstate=None, message=""
        )
    return Logged(
        **said,
        result=str(result.get("result", "")),
        seconds=result.get("seconds"),
        sqlstate=result.get("sqlstate"),
        message=str(result.get("message", "")),
    )


def _process(pid: int) -> list[Any]:
    """A process that is not mistaken for a later one of the same number: with its start in ticks, where Linux says."""
    try:
        return [pid, Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]]
    except (OSError, IndexError):
        return [pid, None]


def _runs(process: Any) -> bool:
    """Whether the process of an intent is still there."""
    try:
        pid, start = process
        os.kill(pid, 0)
    except PermissionError:
        return False  # somebody else's, so a later one
    except (TypeError, ValueError, OSError):
        return False
    return start is None or bool(_process(pid)[1] == start)
