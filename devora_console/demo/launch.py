"""Becomes a server: run as a script that drops privileges, ties its life to the console's and executes it.

``launch.py CONSOLE_PID DEATH_SIGNAL UID GID COMMAND...``; UID and GID are -1 to stay who we are. A script of
its own, not a hook between fork and exec: the console has threads, and Python must not run in such a fork.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Execute the command; returns only by an exception or by ending because the console is already gone."""
    console, death_signal, uid, gid = (int(word) for word in arguments[:4])
    command = arguments[4:]
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.umask(0o077)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which clears it. The kernel sends it when the thread that started us ends.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != console:
        sys.exit("the console ended before its server started")
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
