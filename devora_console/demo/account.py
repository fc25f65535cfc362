"""Who the servers run as. PostgreSQL refuses to run as root; an ordinary user simply runs it.

As root an existing unprivileged account is used: initdb wants an account that exists, and a demo must not
create one. ``nobody`` comes first because it owns nothing; ``postgres`` may own a production cluster here.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devora_console.core.problems import usage_error

_CANDIDATES = ("nobody", "postgres", "daemon")
_SHELL = "/bin/sh"


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The account PostgreSQL is to run as: None (who we are) unless we are root.

    Raises ConsoleError (exit 2) when we are root and can become none of the usual accounts.
    """
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        account = Account(name, entry.pw_uid, entry.pw_gid)
        if entry.pw_uid != 0 and can(account, ":"):
            return account
    raise usage_error(
        "demo.no_account",
        f"PostgreSQL does not run as root, and root here can become none of {', '.join(_CANDIDATES)}",
        "run the console as an ordinary user",
    )


def run_as(
    account: Account | None, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as the account (None: as we are), from ``/``, and keep what it says.

    Raises OSError when the program or the account cannot be had.
    """
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=environment,
        umask=0o077,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def can(account: Account | None, test: str, *words: str) -> bool:
    """Whether the account can do what the shell ``test`` does with ``words`` as ``$1``, ``$2``...

    Really done rather than computed from mode bits: access lists, mounts and capabilities count too.
    """
    try:
        done = run_as(account, [_SHELL, "-c", test, "sh", *words])
    except OSError:  # setuid refused: no such capability, or an id without meaning in this user namespace
        return False
    return done.returncode == 0


def blocked_at(path: Path, account: Account | None) -> Path | None:
    """The first directory on the way to ``path`` (or itself) that the account cannot enter; None if all can.

    Directories that do not exist end the walk: whoever makes them decides.
    """
    if account is None or can(account, 'cd -- "$1"', str(path)):
        return None
    for directory in [*reversed(path.parents), path]:
        if not directory.exists():
            return None
        if not can(account, 'cd -- "$1"', str(directory)):
            return directory
    return None
