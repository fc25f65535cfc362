"""Whether a folder is fit to keep what must not be lost: its file system, its owner, its free space."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from devora_console.core.problems import ConsoleError, refused
from devora_console.core.unknown import Unknown

ALLOW_VARIABLE = "DEVORA_CUTOVER_ALLOW_TMPFS"
FREE_BYTES = 64 * 1024 * 1024

_VOLATILE = frozenset({"tmpfs", "ramfs", "devtmpfs"})
# Locks and fsync of these depend on another machine, or on a program that may answer as it likes.
_FAR = frozenset(
    {
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smb2",
            "smbfs",
            "afs",
            "ncpfs",
            "coda",
            "ceph",
            "glusterfs",
            "lustre",
            "beegfs",
        ),
        *("gpfs", "orangefs", "pvfs2", "9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "davfs", "webdav", "afpfs"),
        *("fuse", "osxfuse", "macfuse"),
    }
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def filesystem_of(path: Path, mounts: str | None = None) -> str | Unknown:
    """The type of the file system that ``path`` (which exists) is on. ``mounts``: the text of /proc/self/mountinfo."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return _by_mount(path)
    where = str(path.resolve())
    best, kind = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
        # The last mount of those on the same point is the one that is seen.
        if len(point) >= best and (where == point or where.startswith(point.rstrip("/") + "/")):
            best, kind = len(point), after.split(" ", 1)[0]
    return kind or Unknown(f"no mount is known for {where}")


def _by_mount(path: Path) -> str | Unknown:
    if sys.platform != "darwin":
        return Unknown("this system has no /proc", "Make sure that the folder is on a local disk.")
    said = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False).stdout
    where, best, kind = str(path.resolve()), -1, ""
    for match in re.finditer(r"^.* on (/.*) \((\w+)", said, re.MULTILINE):
        if len(match[1]) >= best and (where == match[1] or where.startswith(match[1].rstrip("/") + "/")):
            best, kind = len(match[1]), match[2]
    return kind or Unknown(f"no mount is known for {where}")


def check(path: Path, environ: Mapping[str, str] | None = None) -> None:
    """Refuse (exit 4) a folder of somebody else's, one that others may write to, and one that is not on a local disk.

    The variable DEVORA_CUTOVER_ALLOW_TMPFS=1 allows a file system in memory, for demonstrations and tests. A file
    system that cannot be told is not refused.
    """
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise _unfit(path, "belongs to another user", "Set cutover.home to a folder of your own.")
    if found.st_mode & 0o022:
        raise _unfit(path, "may be written to by others", f"chmod 700 {path}")
    kind = filesystem_of(path)
    if isinstance(kind, Unknown):
        return
    if kind in _FAR or kind.startswith("fuse."):
        reason = f"is on {kind}, where locks and what is written may not hold"
        raise _unfit(path, reason, "Set cutover.home to a folder on a local disk.")
    if kind in _VOLATILE and (os.environ if environ is None else environ).get(ALLOW_VARIABLE) != "1":
        reason = f"is on {kind}: a restart of the machine would lose it"
        raise _unfit(path, reason, "Set cutover.home to a folder on a local disk.")


def sync(folder: Path) -> None:
    """Make what was added to a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_room(path: Path) -> None:
    """Refuse (exit 4) to begin where less than 64 MB are free."""
    free = shutil.disk_usage(path).free
    if free < FREE_BYTES:
        reason = f"has {free // 1024 // 1024} MB left, and a run begins with at least {FREE_BYTES // 1024 // 1024} MB"
        raise _unfit(path, reason, "Make room on that disk, or set cutover.home to another.")


def _unfit(path: Path, reason: str, remedy: str) -> ConsoleError:
    return refused("cutover_home_unfit", f"the folder {path} {reason}", remedy)
