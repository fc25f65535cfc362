"""The private folder of a job: the survey's ledger, and what was read from the source.

It goes away with the job. What a killed job has left, production data among it, is put away by the next one: the
system gives the lock on a folder back when its owner dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from devora_console.core.problems import usage_error
from devora_console.core.safetext import one_line

_PREFIX = "devora-ledger-"
_LOCK = "lock"


class Scratch:
    """A folder of this process alone, in ``base`` or where TMPDIR says. Raises ConsoleError (exit 2)."""

    def __init__(self, base: Path | None = None) -> None:
        place = Path(base or tempfile.gettempdir())
        _sweep(place)
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            new = self.path / "new"
            self._lock = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            new.rename(self.path / _LOCK)  # nobody sees it before it is locked
        except OSError as error:
            raise usage_error(
                "scratch_unusable",
                f"no scratch file can be made in {one_line(str(place), 160)}: {error.strerror or type(error).__name__}",
                "Set TMPDIR to a folder with room that this user may write to",
            ) from None

    def remove(self) -> None:
        """Put it away."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(place: Path) -> None:
    """Remove our folders whose owners have died."""
    for path in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or somebody else is putting it away
            seen = path.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
                continue
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
