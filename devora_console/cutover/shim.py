"""Runs one command apart from the console: ``python -I -S shim.py FOLDER SECRETS_FD``.

It outlives the console, the terminal and the SSH session, keeps the command's output and writes down how it ended.
It stands alone (the standard library and the folder ``apart`` beside it), so that it starts at once and needs nothing
that an upgrade may be replacing. In FOLDER it reads ``spec.json`` and writes:

``alive.lock``   locked as long as the shim, the command or anything that the command started is alive
``pid.json``     who runs; it is there before the command is let go
``out.raw``      what the command printed, without the secrets that came as JSON through SECRETS_FD
``result.json``  how it ended; appears at once and whole
``shim.err``     what went wrong in the shim itself; empty otherwise

The environment is inherited. No secret is ever written or put into an argument.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import sys
import time

if __package__:
    from devora_console.cutover.apart.files import put, reserve
    from devora_console.cutover.apart.machine import boot_id, group, start_time
    from devora_console.cutover.apart.output import CHUNK, Kept, Pipe, Redactor
else:  # run as a program: from the folder beside it, and from nowhere else of the package
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    from apart.files import put, reserve  # type: ignore[import-not-found,no-redef]
    from apart.machine import boot_id, group, start_time  # type: ignore[import-not-found,no-redef]
    from apart.output import CHUNK, Kept, Pipe, Redactor  # type: ignore[import-not-found,no-redef]

    del sys.path[0]

GRACE_SECONDS = 10.0  # between asking a command to end and killing it
DRAIN_SECONDS = 2.0  # for output that is still under way when the command has ended
NOT_STARTED = 3  # exit code: nothing was run, the reason stands on stderr


# --- the command ------------------------------------------------------------------------------------


def launch(argv: list[str], cwd: str | None, pipe: Pipe, lock: int) -> tuple[int, int]:
    """Fork the command. It waits: for a byte through the descriptor returned beside its pid, or ends with it."""
    gate, opener = os.pipe()
    pid = os.fork()
    if pid:
        os.close(gate)
        os.close(pipe.into)
        with contextlib.suppress(PermissionError, ProcessLookupError):  # it has done so itself
            os.setpgid(pid, pid)
        return pid, opener
    try:
        os.setpgid(0, 0)
        for each in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        os.close(opener)
        if os.read(gate, 1) != b"1":
            os._exit(126)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(pipe.into, 1)
        os.dup2(pipe.into, 2)
        os.set_inheritable(lock, True)
        os.set_inheritable(pipe.out, True)
        if cwd:
            os.chdir(cwd)
        os.execvp(argv[0], argv)  # noqa: S606 - a program with its arguments, never a shell
    except (OSError, ValueError) as error:
        words = f"devora-console: cannot run {argv[0]!r}{f' in {cwd!r}' if cwd else ''}: {error}\n"
        os.write(1, words.encode("utf-8", "backslashreplace"))
    finally:
        os._exit(127)


def ended(pid: int) -> tuple[int | None, int | None] | None:
    """Exit code or signal of the command once it has ended. It is not reaped: its number stays taken meanwhile."""
    if not hasattr(os, "waitid"):
        done, status = os.waitpid(pid, os.WNOHANG)
        if not done:
            return None
        code = os.waitstatus_to_exitcode(status)
        return (code, None) if code >= 0 else (None, -code)
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if info is None:
        return None
    return (info.si_status, None) if info.si_code == os.CLD_EXITED else (None, info.si_status)


def tell(pid: int, *signals: int) -> None:
    """Signal the command's group, of which it is the unreaped leader."""
    for each in signals:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, each)


class Watch:
    """The command from its start to its end: its output read, its time kept."""

    def __init__(self, pid: int, pipe: Pipe, kept: Kept, redactor: Redactor, timeout: float | None) -> None:
        self._pid, self._pipe, self._kept, self._redactor = pid, pipe, kept, redactor
        self._began = time.monotonic()
        self._deadline = self._began + timeout if timeout else None
        self._kill_at: float | None = None
        self.end: tuple[int | None, int | None] | None = None
        self._ended = 0.0
        self.timed_out = False

    @property
    def seconds(self) -> float:
        """How long the command itself took."""
        return self._ended - self._began

    def run(self, wake: int) -> None:
        """Until the command has ended and its output has been read, or as much of it as is waited for."""
        while not self._over():
            readable, _, _ = select.select([self._pipe.out, wake] if self._pipe.open else [wake], [], [], self._wait())
            if wake in readable:
                os.read(wake, CHUNK)
            if self._pipe.out in readable:
                self._kept.add(self._redactor.feed(self._pipe.read()))
        self._kept.add(self._redactor.finish())

    def _over(self) -> bool:
        now = time.monotonic()
        if self.end is None:
            self.end = ended(self._pid)
            self._ended = time.monotonic()
        if self.end is None and self._deadline is not None and now >= self._deadline and not self.timed_out:
            self.timed_out = True
            self._kill_at = now + GRACE_SECONDS
            tell(self._pid, signal.SIGTERM, signal.SIGCONT)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            tell(self._pid, signal.SIGKILL)
        if self.end is None:
            return False
        if self._kill_at is not None and group(self._pid, os.getsid(0)):
            return False
        return not self._pipe.open or now >= self._ended + DRAIN_SECONDS

    def _wait(self) -> float | None:
        """How long nothing has to be looked at, unless something happens."""
        if self.end is not None:
            return 0.1
        times = [each for each in (self._kill_at, None if self.timed_out else self._deadline) if each is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None


# --- the shim ---------------------------------------------------------------------------------------


def refuse(reason: str) -> None:
    """Say why nothing is run, and end."""
    sys.stderr.write(reason)
    sys.stderr.flush()
    os._exit(NOT_STARTED)


def locked(path: str) -> int:
    """The lock of this attempt. Somebody who looks whether it is held may hold it for a moment."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(100):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            time.sleep(0.01)
    raise FileExistsError("this attempt is running")


def detached(folder: str) -> None:
    """Go on in a session of our own, without terminal, deaf to hanging up; the process that was started ends."""
    os.setsid()
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    err = os.open(os.path.join(folder, "shim.err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, null), (1, null), (2, err)):
        os.dup2(source, target)


def wall() -> str:
    """The wall clock, UTC."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"


def work(folder: str, spec: dict[str, object], redactor: Redactor, lock: int, out: int) -> None:
    """Run the command, and write down how it went."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pipe = Pipe()
    pid, opener = launch(spec["argv"], spec.get("cwd"), pipe, lock)  # type: ignore[arg-type]
    who: dict[str, object] = {
        "shim": os.getpid(),
        "shim_start": start_time(os.getpid()),
        "pid": pid,
        "pid_start": start_time(pid),
    }
    began = wall()
    put(folder, "pid.json", {**who, "session": os.getsid(0), "boot_id": boot_id(), "began": began})
    kept = Kept(out, int(spec["output_limit_bytes"]))  # type: ignore[call-overload]
    watch = Watch(pid, pipe, kept, redactor, spec.get("timeout_seconds"))  # type: ignore[arg-type]
    os.write(opener, b"1")
    os.close(opener)
    watch.run(wake)
    rc, number = watch.end or (None, None)
    sha = kept.finish()
    result: dict[str, object] = {"rc": rc, "signal": number, "seconds": round(watch.seconds, 6)}
    result |= {"timed_out": watch.timed_out, "out_bytes": kept.size, "out_sha": sha}
    result |= {"dropped_bytes": kept.dropped, "error": kept.error}
    put(folder, "result.json", {**result, "began": began, "ended": wall()})
    os.close(lock)
    os.close(out)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    while pipe.open:  # something that was left running still prints: who stopped reading would stop it
        pipe.read()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def main(folder: str, secrets: int) -> None:
    """Take the lock, leave the console behind, run the command."""
    os.umask(0o077)
    try:
        with os.fdopen(secrets, "rb") as file:  # whole, or the console died: then nothing runs
            given = json.loads(file.read())
        words = [_bytes(word) for word in given["words"]]
        plain = {_bytes(word): _bytes(pattern) for word, pattern in given["plain"].items()}
        with open(os.path.join(folder, "spec.json"), encoding="utf-8") as text:
            spec = json.load(text)
        lock = locked(os.path.join(folder, "alive.lock"))
        out = os.open(os.path.join(folder, "out.raw"), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        for name in ("pid.json.tmp", "result.json.tmp"):
            reserve(os.path.join(folder, name))
    except OSError as error:
        refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
    except ValueError as error:
        refuse(f"what the console said is not whole: {error}")
    detached(folder)
    work(folder, spec, Redactor(words, plain), lock, out)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
