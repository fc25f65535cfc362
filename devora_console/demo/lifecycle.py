"""A polite end on SIGTERM and SIGHUP: they become an exception, so that ``finally`` stops the servers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ended(BaseException):
    """The console was told to end. Not an ``Exception``: nothing on the way may mistake it for a failure."""

    def __init__(self, signum: int) -> None:
        self.signal = signal.Signals(signum)
        super().__init__(f"ended by {self.signal.name}")


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Inside the block the first SIGTERM or SIGHUP raises :class:`Ended` in the main thread; later ones are
    ignored, so that the clean-up it leads to is not interrupted (a closing terminal sends several).

    A signal that is ignored on entry stays ignored (``nohup``). The handlers found are restored on exit. In a
    thread other than the main one, which alone may handle signals, the block does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    raised = False

    def end(signum: int, frame: FrameType | None) -> None:
        nonlocal raised
        if not raised:
            raised = True
            raise Ended(signum)

    found = {}
    try:
        for signum in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) != signal.SIG_IGN:
                found[signum] = signal.signal(signum, end)
        yield
    finally:
        for signum, handler in found.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
