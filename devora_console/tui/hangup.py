"""Leaving when the terminal leaves.

SIGHUP and SIGTERM ask the app to end. When the terminal is gone without a signal reaching us (an ignored
SIGHUP is inherited through ``sudo su`` and ``nohup``), or when the app cannot end because its loop waits for
a terminal that no longer reads, a thread closes the services and ends the process.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType

HANGUP_CODE = 129
_LOOK_EVERY = 0.25
_GRACE = 3.0


def terminal_gone(fileno: int, parent: int) -> bool:
    """Whether the terminal behind ``fileno`` no longer exists, ``parent`` being our parent when it did.

    A new parent alone proves nothing (a wrapper may end); with it, a terminal whose foreground is not ours is
    lost.
    """
    poll = select.poll()
    try:
        poll.register(fileno, select.POLLIN)
        if any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0)):
            return True
        if not os.isatty(fileno):
            return True
        return os.getppid() != parent and os.tcgetpgrp(fileno) != os.getpgrp()
    except OSError:
        return True


class Watchdog:
    """Watches the terminal and the signals, and sees to it that the process ends.

    ``quieten`` stops whatever would spin on a dead terminal, ``leave(code)`` asks the app to end and returns
    at once, ``close(seconds)`` closes the services; all three are called from the watching thread.
    """

    def __init__(
        self,
        fileno: int,
        *,
        quieten: Callable[[], None],
        leave: Callable[[int], None],
        close: Callable[[float], None],
    ) -> None:
        self._fileno = fileno
        self._parent = os.getppid()
        self._has_terminal = os.isatty(fileno)
        self._quieten, self._leave, self._close = quieten, leave, close
        self._asked: int | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="devora-hangup", daemon=True)

    def start(self) -> None:
        """Install the signal handlers (main thread only) and begin to watch.

        Plain handlers, not the loop's: Python runs them even while the loop waits for a stalled terminal.
        """
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, self._signalled)
        self._thread.start()

    def end(self) -> None:
        """The app has ended by itself."""
        self._ended.set()

    @property
    def asked(self) -> int | None:
        """The exit code a signal or the loss of the terminal asks for, if any."""
        return self._asked

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        # A plain assignment: taking a lock inside a signal handler could wait for itself.
        self._asked = 128 + number

    def _watch(self) -> None:
        while self._asked is None:
            if self._ended.wait(_LOOK_EVERY):
                return
            if self._has_terminal and terminal_gone(self._fileno, self._parent):
                self._asked = HANGUP_CODE
                self._quieten()
        self._leave(self._asked)
        left = _GRACE
        while left > 0:
            if self._ended.wait(_LOOK_EVERY):
                return
            left -= _LOOK_EVERY
            if self._has_terminal and terminal_gone(self._fileno, self._parent):
                self._quieten()
        try:
            self._close(1.0)
        finally:
            os._exit(self._asked)
