"""A pseudo-terminal with a child on it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """A child process whose terminal we hold the other end of."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        environ: dict[str, str] | None = None,
        ignore_hangup: bool = False,
        session: bool = True,
    ) -> None:
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLORTERM", "TMUX", "SSH_CONNECTION")}
        self._environ = clean | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)} | (environ or {})
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._name = os.ttyname(slave)
        self.output = bytearray()
        self.pid = os.fork()
        if self.pid == 0:
            self._become(slave, arguments, ignore_hangup, session)
        os.close(slave)
        self.status: int | None = None

    def _become(self, slave: int, arguments: tuple[str, ...], ignore_hangup: bool, session: bool) -> None:
        try:
            os.setsid()
            if session:
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            if ignore_hangup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for number in (0, 1, 2):
                os.dup2(slave, number)
            os.closerange(3, 256)
            os.chdir(ROOT)
            os.execve(sys.executable, [sys.executable, *arguments], self._environ)  # noqa: S606
        finally:
            os._exit(127)

    def read(self, seconds: float) -> bytes:
        """What the child writes within ``seconds``."""
        found = bytearray()
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.master], [], [], left)
            if ready:
                try:
                    found += os.read(self.master, 65536)
                except OSError:
                    break
        self.output += found
        return bytes(found)

    def read_until(self, words: bytes, seconds: float = 15.0) -> bytes:
        """Read until ``words`` were written; fails when they do not come."""
        end = time.monotonic() + seconds
        start = len(self.output)
        while words not in self.output[start:]:
            assert time.monotonic() < end, f"{words!r} did not come; the last was {bytes(self.output[-400:])!r}"
            self.read(0.1)
        return bytes(self.output[start:])

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def stall(self, seconds: float = 20.0) -> None:
        """Have whole screens drawn and read none of them, until the terminal takes no more (after 19 kB)."""
        end, pressed = time.monotonic() + seconds, 0
        place = os.open(self._name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            while select.select([], [place], [], 0.0)[1]:
                assert time.monotonic() < end, "the terminal does not fill up"
                if pressed < 12:
                    self.press("12")
                    pressed += 1
                time.sleep(0.05)
        finally:
            os.close(place)

    def hang_up(self) -> None:
        """Close our end: the terminal is gone."""
        os.close(self.master)
        self.master = -1

    def wait(self, seconds: float) -> float | None:
        """The seconds until the child ended, None when it did not; sets ``status`` to its exit code or -signal."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                return time.monotonic() - start
            if self.master >= 0:
                self.read(0.02)
            else:
                time.sleep(0.02)
        return None

    def cpu(self) -> float:
        """Seconds of processor the child has used; it may have ended but not been waited for."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self) -> bool:
        """Whether the child runs (an ended one that was not waited for does not)."""
        return Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"

    def close(self) -> None:
        """End the child and the terminal, whatever state they are in."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.master >= 0:
            os.close(self.master)
