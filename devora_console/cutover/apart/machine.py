"""Which boot of the machine this is, and which of its processes are still the same ones."""

from __future__ import annotations

import os
import time


def boot_id() -> str:
    """Tells one boot of this machine from the next."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        # Where nothing tells, a restart shows all the same: no lock outlives it.
        return _said("sysctl", "-n", "kern.bootsessionuuid") or "unknown"


def start_time(pid: int) -> float | None:
    """When a process was started, in clock ticks since boot (elsewhere: seconds); None when it is gone or a zombie.

    Together with the boot, it tells a process from a later one that got the same number.
    """
    fields = stat(pid)
    if fields is not None:
        return None if fields[0] in "ZX" else float(fields[19])
    if os.path.isdir("/proc/self"):
        return None
    words = _said("ps", "-o", "stat=,lstart=", "-p", str(pid)).split(None, 1)
    if len(words) < 2 or words[0].startswith("Z"):
        return None
    return time.mktime(time.strptime(words[1].strip()))


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third one (the state) on; None when there are none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def group(number: int, session: int) -> list[int]:
    """The processes of a process group in a session that still run (zombies do not)."""
    found = []
    if not os.path.isdir("/proc/self"):
        for line in _said("ps", "-A", "-o", "pid=,pgid=,stat=").splitlines():
            pid, of, state = line.split(None, 2)
            if int(of) == number and not state.startswith("Z"):
                found.append(int(pid))
        return found
    for name in os.listdir("/proc"):
        fields = stat(int(name)) if name.isdigit() else None
        if fields and fields[0] not in "ZX" and fields[2] == str(number) and fields[3] == str(session):
            found.append(int(name))
    return found


def _said(*argv: str) -> str:
    import subprocess  # noqa: PLC0415 - slow to load, and of use only where there is no /proc

    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
