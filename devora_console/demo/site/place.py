"""The site's folder. A kill at any moment leaves a file as it was or as it was to be, never half of one.

==================  ====  ============================================================================
file                mode  holds
==================  ====  ============================================================================
``site``            0700  the site's script, as one path for a runbook's ``{site}``
``site.json``       0600  who owns the site, ports, whose account the smoke test uses, the two releases
``flags.json``      0600  maintenance, the share of green, read-only: front and instances look at every request
``secrets.env``     0600  how both databases are reached and what signs tokens: ``switch`` takes it from here
``NAME.env``        0600  the environment an instance is to have
``NAME.made.env``   0600  the environment its process was created with: all that ``restart`` knows
``NAME.run.json``   0600  which process serves; written by that process, which holds ``NAME.lock``
``NAME.log``        0600  what it says
``lock``            0600  held by the script while it changes something
==================  ====  ============================================================================
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from devora_console.core.problems import refused, usage_error
from devora_console.demo.processes import ProcessMark

INSTANCES = ("blue", "green")
SERVICES = ("front", *INSTANCES, "traffic")
_LOCK_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class About:
    """``site.json``. ``releases`` has the digest of the image built for each backend. A closed site starts nothing."""

    owner: ProcessMark
    ports: dict[str, int]
    email: str
    releases: dict[str, str]
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Flags:
    """``flags.json``. ``green_percent`` of the visitors go to green; ``read_only``: and green takes no writes."""

    maintenance: bool = False
    green_percent: int = 0
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """``NAME.run.json``: the process that serves, and the word it was started with."""

    mark: ProcessMark
    word: str


@dataclass(frozen=True, slots=True)
class Place:
    """A site's folder."""

    folder: Path

    def path(self, name: str) -> Path:
        """A file of it."""
        return self.folder / name

    def about(self) -> About:
        """What the site is. Raises ConsoleError (exit 2) when there is none."""
        try:
            data = json.loads(self.path("site.json").read_text("utf-8"))
            owner = ProcessMark(int(data.pop("owner_pid")), str(data.pop("owner_born")))
            return About(owner=owner, **data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise usage_error("site.none", f"there is no site in {self.folder}", "the demo makes one") from None

    def write_about(self, about: About) -> None:
        """Replace ``site.json``."""
        data = asdict(about) | {"owner_pid": about.owner.pid, "owner_born": about.owner.born}
        del data["owner"]
        write(self.path("site.json"), json.dumps(data, indent=1))

    def flags(self) -> Flags | None:
        """What front and instances go by; None when it cannot be read, which shuts the site."""
        try:
            data = json.loads(self.path("flags.json").read_text("utf-8"))
            return Flags(bool(data["maintenance"]), int(data["green_percent"]), bool(data["read_only"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def change_flags(self, **changes: Any) -> Flags:
        """Replace ``flags.json`` as a whole: there is no moment with one half of a change. Call with the lock."""
        now = replace(self.flags() or Flags(maintenance=True), **changes)
        write(self.path("flags.json"), json.dumps(asdict(now)))
        return now

    def env(self, name: str) -> dict[str, str]:
        """An environment file; empty when there is none."""
        try:
            lines = self.path(name).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def write_env(self, name: str, values: Mapping[str, str]) -> None:
        """Replace an environment file."""
        for key, value in values.items():
            if "\n" in key + value or "=" in key:
                raise ValueError(f"{key} cannot be kept in an environment file")
        write(self.path(name), "".join(f"{key}={value}\n" for key, value in values.items()))

    def run(self, name: str) -> Run | None:
        """Which process says that it serves; it may have died since."""
        try:
            data = json.loads(self.path(f"{name}.run.json").read_text("utf-8"))
            return Run(ProcessMark(int(data["pid"]), str(data["born"])), str(data["word"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def url(self, name: str) -> str:
        """Where a service listens."""
        return f"http://127.0.0.1:{self.about().ports[name]}"

    @contextmanager
    def locked(self, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Hold the site against other scripts. Raises ConsoleError (exit 4) when one keeps it longer than that."""
        handle = os.open(self.path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + seconds
            while not try_lock(handle):
                if time.monotonic() >= deadline:
                    raise refused("site.busy", "another script is changing the site", "wait for it, then try again")
                time.sleep(0.02)
            yield
        finally:
            os.close(handle)  # a script that is killed lets go as well


def try_lock(handle: int) -> bool:
    """Take the exclusive lock of an open file if nobody has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file in one step, on the disk before this returns; only this user may read it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
