"""Server processes of the console: started so that they end with it, however it ends."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from devora_console.demo.account import Account

_LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Child:
    """A server process we started."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Its process id: the server's own, since the launcher becomes the server."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it still runs (and, when it ended, that no zombie is left)."""
        return self.process.poll() is None

    def signal(self, signum: int) -> None:
        """Send a signal; nothing happens when the process has ended."""
        self.process.send_signal(signum)

    def end(self, signals: Sequence[tuple[int, float]]) -> None:
        """Wait for the end: send each signal in turn (0: only wait) and give it so many seconds to work."""
        for signum, seconds in signals:
            if signum:
                self.signal(signum)
            if self.wait(seconds):
                return

    def wait(self, seconds: float) -> bool:
        """Wait for the end, ``seconds`` at most; tells whether it came."""
        deadline = time.monotonic() + seconds
        while self.running:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True


class _Keeper:
    """A thread that lives as long as the process: the kernel's death signal follows the forking thread."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._jobs: queue.SimpleQueue[tuple[Callable[[], None], Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="devora-server-keeper", daemon=True).start()

    def call(self, job: Callable[[], None]) -> None:
        """Run the job in the thread and wait for it; what it raises is raised here. Jobs run in order."""
        future: Future[None] = Future()
        self._jobs.put((job, future))
        future.result()

    def _run(self) -> None:
        while True:
            job, future = self._jobs.get()
            try:
                job()
            except BaseException as error:  # noqa: BLE001 - handed to the caller; the thread itself must not end
                future.set_exception(error)
            else:
                future.set_result(None)


_keeper: _Keeper | None = None
_keeper_lock = threading.Lock()


def _the_keeper() -> _Keeper:
    global _keeper  # noqa: PLW0603 - one per process
    with _keeper_lock:
        if _keeper is None or _keeper.process != os.getpid():  # a forked worker has no threads but its own
            _keeper = _Keeper()
        return _keeper


def settle() -> None:
    """Wait until no start is under way: an interrupted caller may have left one to the keeper."""
    _the_keeper().call(lambda: None)


def spawn(
    command: Sequence[str],
    *,
    adopt: Callable[[Child], None],
    death_signal: int,
    environment: Mapping[str, str],
    output: Path,
    directory: Path,
    account: Account | None = None,
) -> None:
    """Start a server in a session of its own, as ``account`` if given, and hand it to ``adopt``.

    ``death_signal`` is what it gets when the console dies (on Linux, at once); standard output and error are
    appended to the file ``output`` (0600). ``adopt`` is called even if the caller is interrupted meanwhile.
    Raises OSError when the launcher itself cannot be started; what fails later is in ``output``.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)

    def start() -> None:
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        identity = [str(os.getpid()), str(int(death_signal)), str(uid), str(gid)]
        sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(
                [*launcher, *identity, *command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                cwd=directory,
                env=dict(environment),
                start_new_session=True,
            )
        finally:
            os.close(sink)
        adopt(Child(process))

    _the_keeper().call(start)


def server_environment() -> dict[str, str]:
    """Our environment without what would steer the servers: no libpq settings, one language, UTC."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
