"""Who drives a run on this machine: a lock that the system lets go of when its holder dies, however he dies."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from devora_console.core.clock import iso, utc_now
from devora_console.core.problems import refused
from devora_console.core.safetext import one_line


class DriverLock:
    """The lock ``driver.lock`` of a run. Its file says who holds it, for those who find it taken."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, holder: str) -> None:
        """Hold it. Refused (exit 4) while somebody else does; asked for again by the holder, it stays his."""
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise refused(
                "cutover_driven",
                f"another console drives this run: {self._said()}",
                "Look on with devora-console cutover watch, or end that console to drive from here.",
            ) from None
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps({"holder": holder, "pid": os.getpid(), "since": iso(utc_now())}).encode())
        except OSError:  # a full disk: the lock holds all the same, only its words are missing
            pass
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it, if it is held here."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> str | None:
        """Who holds it, in words; None when nobody does. A reader of the lock is never taken for its holder."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._said()
        finally:
            os.close(descriptor)
        return None

    def _said(self) -> str:
        try:
            said = json.loads(self._path.read_bytes())
            return one_line(f"{said['holder']}, process {said['pid']}, since {said['since']}", 200)
        except (OSError, ValueError, KeyError, TypeError):
            return "somebody who has not said who"
