"""Who makes something that has to go again: a process, told apart from every later one of the same number."""

from __future__ import annotations

import getpass
import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psutil

from devora_console.core.clock import iso, utc_now
from devora_console.core.safetext import one_line


@dataclass(frozen=True, slots=True)
class Maker:
    """A process on a machine. ``boot`` tells boots of the machine apart, ``space`` containers on it, ``born`` processes
    of one number; each is '' where the system does not tell. ``at`` is when it made the thing, as ISO words.
    """

    who: str
    host: str
    boot: str
    space: str
    pid: int
    born: str
    at: str

    def text(self) -> str:
        """As it is kept beside the thing."""
        return json.dumps(asdict(self), sort_keys=True)

    def words(self) -> str:
        """For people."""
        return one_line(f"made by {self.who} on {self.host}, process {self.pid}, at {self.at}", 200)

    def dead(self) -> bool | None:
        """Whether it lives no more; None when that cannot be told from here: another machine, another container."""
        here = this_process()
        if self.host != here.host or not self.boot or not here.boot:
            return None
        if self.boot != here.boot:
            return True
        if self.space != here.space or not self.born:
            return None
        return _born(self.pid) != self.born


def this_process(at: datetime | None = None) -> Maker:
    """This very process."""
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # an account that has no name
        who = str(os.getuid())
    moment = iso((at or utc_now()).replace(microsecond=0))
    return Maker(who, socket.gethostname(), _boot(), _space(), os.getpid(), _born(os.getpid()), moment)


def parse_maker(text: object) -> Maker | None:
    """What :meth:`Maker.text` wrote; None for anything else."""
    try:
        said = json.loads(str(text))
        words = {key: said[key] for key in ("who", "host", "boot", "space", "born", "at")}
        pid = said["pid"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(isinstance(each, str) for each in words.values()) or type(pid) is not int:
        return None
    return Maker(pid=pid, **words)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return str(int(psutil.boot_time()))


def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _born(pid: int) -> str:
    """When a living process was born, as an opaque word; '' when there is none. A zombie does not live."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    except (FileNotFoundError, ProcessLookupError, IndexError):
        if Path("/proc/self/stat").exists():
            return ""
    except OSError:
        return ""
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else str(int(process.create_time()))
    except psutil.Error:
        return ""
