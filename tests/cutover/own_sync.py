"""A site's script with a sync of its own: what a team would write who declare ``sync = "command"``.

``own_sync.py FOLDER WORDS...`` does what the site's script does, and besides: ``deploy green --command`` begins to copy
new messages between both databases by looking every now and then, any other deployment of green and its retirement
ends that, and ``sync command [--drained]`` measures it. FOLDER holds ``sync.json``: where everything is, and ``limit``,
the seconds that one side may be behind. A file ``slow`` there holds so many seconds which each look takes longer.

Messages are only ever added here, but for one that green has removed again. A conversation in MongoDB is changed only
as it was when it was read: the application writes it as a whole too.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from pymongo import MongoClient

_LOOK = 0.1
_PATIENCE = 5.0
_ADD = (
    "INSERT INTO messages (id, conversation_id, role, content, timestamp) SELECT $1, $2, $3, $4, $5"
    " WHERE EXISTS (SELECT FROM conversations WHERE id = $2) ON CONFLICT (id) DO NOTHING"
)


class Sync:
    """One process that copies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said = json.loads((folder / "sync.json").read_text("utf-8"))
        self._talks = MongoClient[dict[str, Any]](self._said["mongo"])[self._said["database"]]["conversations"]
        self._from_green: set[str] = set()

    async def run(self) -> None:
        """Until there is a file ``stop``."""
        green = await asyncpg.connect(self._said["postgres"])
        while not (self._folder / "stop").exists():
            began = time.time()
            with contextlib.suppress(FileNotFoundError):
                await asyncio.sleep(float((self._folder / "slow").read_text()))
            blue = self._blue()
            rows = {str(row["id"]): row for row in await green.fetch("SELECT * FROM messages")}
            await self._to_green(green, blue, rows)
            self._to_blue(blue, rows)
            self._tell({"complete_to": began, "took": time.time() - began})
            await asyncio.sleep(_LOOK)
        await green.close()

    def _blue(self) -> dict[str, dict[str, Any]]:
        """The conversations by their id."""
        return {each["id"]: each for each in self._talks.find({}, {"id": 1, "messages": 1, "updated_at": 1})}

    async def _to_green(self, green: Any, blue: dict[str, dict[str, Any]], rows: dict[str, Any]) -> None:
        for talk, held in blue.items():
            for each in held["messages"]:
                if each["id"] not in rows and each["id"] not in self._from_green:
                    at = each["timestamp"]
                    at = datetime.fromisoformat(at) if isinstance(at, str) else at
                    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
                    await green.execute(_ADD, uuid.UUID(each["id"]), uuid.UUID(talk), each["role"], each["content"], at)

    def _to_blue(self, blue: dict[str, dict[str, Any]], rows: dict[str, Any]) -> None:
        gone = {each for each in self._from_green if each not in rows}
        for talk, held in blue.items():
            known = {each["id"] for each in held["messages"]}
            new = [row for row in rows.values() if str(row["conversation_id"]) == talk and str(row["id"]) not in known]
            if not new and not known & gone:
                continue
            kept = [each for each in held["messages"] if each["id"] not in gone]
            kept += [
                {"id": str(row["id"]), "role": row["role"], "content": row["content"]}
                | {"timestamp": row["timestamp"].isoformat()}
                for row in sorted(new, key=lambda row: row["timestamp"])
            ]
            now = datetime.now(UTC).isoformat()
            as_read = {"id": talk, "updated_at": held.get("updated_at")}
            done = self._talks.update_one(as_read, {"$set": {"messages": kept, "updated_at": now}})
            if done.matched_count:  # otherwise the application was faster: the next look brings it
                self._from_green |= {str(row["id"]) for row in new}

    def _tell(self, state: dict[str, float]) -> None:
        with (self._folder / "looks.jsonl").open("a") as stream:
            stream.write(json.dumps(state) + "\n")
        (self._folder / "state.tmp").write_text(json.dumps(state))
        (self._folder / "state.tmp").replace(self._folder / "state.json")


def complete_to(folder: Path) -> float:
    """Everything that was written before this moment is on both sides."""
    try:
        return float(json.loads((folder / "state.json").read_text())["complete_to"])
    except (OSError, ValueError):
        return 0.0


def measure(folder: Path, drained: bool) -> int:
    """0 when it holds, 1 when not, in words on stdout."""
    now, limit = time.time(), float(json.loads((folder / "sync.json").read_text("utf-8"))["limit"])
    if not complete_to(folder) or not runs(folder):
        return _say("the sync does not run", 1)
    while drained and complete_to(folder) < now:  # a whole look that began after this question
        if time.time() > now + _PATIENCE:
            return _say("the sync has not come round since it was asked", 1)
        time.sleep(0.05)
    behind = max(0.0, now - complete_to(folder))
    return _say(f"the sync is behind by {behind:.1f} s at most, of {limit:g} s that it may be", int(behind > limit))


def _say(words: str, code: int) -> int:
    sys.stdout.write(f"{words}\n")
    return code


def runs(folder: Path) -> bool:
    """Whether a sync is at work: it holds a lock."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def begin(folder: Path) -> None:
    """Start it, if it does not run."""
    (folder / "stop").unlink(missing_ok=True)
    if not runs(folder):
        words = [sys.executable, __file__, str(folder), "copy"]
        with (folder / "sync.log").open("a") as log:
            subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def end(folder: Path) -> None:
    """Let it finish its look, and end it."""
    (folder / "stop").touch()
    give_up = time.time() + _PATIENCE
    while runs(folder) and time.time() < give_up:
        time.sleep(0.05)
    (folder / "state.json").unlink(missing_ok=True)


def copy(folder: Path) -> int:
    """Copy until told to end; only one does."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        (folder / "pid").write_text(str(os.getpid()))
        asyncio.run(Sync(folder).run())
    return 0


def main(folder: Path, words: list[str]) -> int:
    """One command."""
    if words[:1] == ["copy"]:
        return copy(folder)
    if words[:2] == ["sync", "command"]:
        return measure(folder, "--drained" in words)
    of_green = words[:2] in (["deploy", "green"], ["retire", "green"])
    synced = of_green and "--command" in words
    if of_green and not synced:
        end(folder)
    site = json.loads((folder / "sync.json").read_text("utf-8"))["site"]
    code = subprocess.run([site, *words], check=False).returncode
    if synced and code == 0:
        begin(folder)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
