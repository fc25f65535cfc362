"""A command under the shim: whoever dies on the way, what is said of it is true."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from devora_console.config.secret import Secret
from devora_console.core.problems import ConsoleError
from devora_console.core.unknown import Unknown
from devora_console.cutover import supervise
from devora_console.cutover.apart import machine
from devora_console.cutover.apart.files import put
from devora_console.cutover.attempt import held
from devora_console.cutover.events import Kind
from devora_console.cutover.journal import home
from devora_console.cutover.journal.verify import Verified, verify
from devora_console.cutover.shim import NOT_STARTED
from devora_console.cutover.state import StepState
from devora_console.cutover.supervise import NotStarted, Result, Spec, Standing, Started, Stopped, look
from tests.cutover.conftest import Begin
from tests.eventually import eventually

BOOT = machine.boot_id()
SECONDS = 20.0  # patience on a busy machine; nothing waits for so long


def started(
    folder: Path,
    *argv: str,
    secrets: Sequence[Secret] = (),
    env: Mapping[str, str] | None = None,
    **options: object,
) -> Started:
    found = supervise.start(folder, Spec(argv, **options), secrets, env)  # type: ignore[arg-type]
    assert isinstance(found, Started)
    return found


def ended(folder: Path) -> Result:
    assert eventually(lambda: look(folder, BOOT).standing is Standing.ENDED, SECONDS), look(folder, BOOT)
    result = look(folder, BOOT).result
    assert result is not None
    return result


def said(folder: Path) -> bytes:
    return (folder / "out.raw").read_bytes()


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code)


def is_gone(pid: int) -> bool:
    return machine.start_time(pid) is None


# --- the plain case ---------------------------------------------------------------------------------


def test_a_command_runs_and_its_end_is_known(attempt: Path, tmp_path: Path) -> None:
    code = "pwd; echo $WORD; umask; echo oops >&2; cat; exit 3"
    who = started(attempt, "sh", "-c", code, cwd=str(tmp_path), env={**os.environ, "WORD": "of env"})
    result = ended(attempt)
    assert (result.rc, result.signal, result.timed_out, result.dropped_bytes, result.error) == (3, None, False, 0, "")
    assert said(attempt) == f"{tmp_path}\nof env\n0077\noops\n".encode()
    assert (result.out_bytes, result.out_sha) == (len(said(attempt)), hashlib.sha256(said(attempt)).hexdigest())
    assert result.seconds < SECONDS
    assert who.boot == BOOT
    assert (attempt / "shim.err").read_bytes() == b""
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in attempt.iterdir())
    assert not list(attempt.glob("*.tmp"))


def test_it_is_in_a_session_without_terminal(attempt: Path) -> None:
    who = started(attempt, *python("import time; time.sleep(60)"))
    child, shim = machine.stat(who.pid), machine.stat(who.shim)
    assert child
    assert shim
    assert child[1] == str(who.shim)  # parent
    assert child[2] == str(who.pid)  # a process group of its own
    assert child[3] == shim[3] == str(who.session)
    assert child[4] == shim[4] == "0"  # no terminal
    assert who.session not in (os.getsid(0), who.shim)  # who leads a session could get a terminal
    assert look(attempt, BOOT).standing is Standing.RUNNING
    assert supervise.stop(attempt) == Stopped(True, "ended when it was asked to")
    assert ended(attempt).signal == signal.SIGTERM


@pytest.mark.parametrize(
    ("argv", "cwd", "word"),
    [
        (("no-such-program-here",), None, b"No such file"),
        ((os.devnull,), None, b"Permission denied"),
        (("true",), "/no/such/folder", b"No such file"),
    ],
)
def test_what_cannot_be_executed_is_127_with_the_reason(
    attempt: Path, argv: tuple[str, ...], cwd: str | None, word: bytes
) -> None:
    started(attempt, *argv, cwd=cwd)
    assert ended(attempt).rc == 127
    assert word in said(attempt)


def test_an_attempt_is_started_once(attempt: Path) -> None:
    started(attempt, "true")
    ended(attempt)
    with pytest.raises(NotStarted, match="used before"):
        supervise.start(attempt, Spec(["true"]))


def test_a_shim_finds_the_attempt_taken(attempt: Path) -> None:
    (attempt / "out.raw").write_bytes(b"")
    with pytest.raises(NotStarted, match="File exists"):
        supervise.start(attempt, Spec(["touch", str(attempt / "never")]))
    assert not (attempt / "never").exists()
    assert look(attempt, BOOT).standing is Standing.UNKNOWN


# --- who dies ---------------------------------------------------------------------------------------


def test_without_a_trace_nothing_is_known(attempt: Path) -> None:
    seen = look(attempt, BOOT)
    assert (seen.standing, seen.result, seen.started) == (Standing.UNKNOWN, None, None)


def test_the_command_is_killed(attempt: Path) -> None:
    who = started(attempt, "sleep", "60")
    os.kill(who.pid, signal.SIGKILL)
    result = ended(attempt)
    assert (result.rc, result.signal, result.timed_out) == (None, signal.SIGKILL, False)


def test_the_shim_is_killed_and_the_command_runs_on(attempt: Path) -> None:
    code = (
        "import time,os\nprint('ready', flush=True)\n"
        "for n in range(1000):\n os.path.exists('{0}/go') and print('on', flush=True); time.sleep(.02)"
    )
    who = started(attempt, *python(code.format(attempt)))
    assert eventually(lambda: b"ready" in said(attempt))  # before, it would wait for the shim to let it begin
    os.kill(who.shim, signal.SIGKILL)
    assert eventually(lambda: is_gone(who.shim))
    seen = look(attempt, BOOT)
    assert (seen.standing, seen.started) == (Standing.UNSUPERVISED, who)
    (attempt / "go").touch()  # it prints, and nobody reads: that must not end it
    time.sleep(0.2)
    assert look(attempt, BOOT).standing is Standing.UNSUPERVISED
    assert supervise.stop(attempt) == Stopped(True, "ended when it was asked to")
    seen = look(attempt, BOOT)
    assert (seen.standing, seen.result) == (Standing.UNKNOWN, None)
    assert "without a result" in seen.reason


def test_both_are_killed(attempt: Path) -> None:
    who = started(attempt, "sleep", "60")
    os.kill(who.shim, signal.SIGKILL)
    os.kill(who.pid, signal.SIGKILL)
    assert eventually(lambda: look(attempt, BOOT).standing is Standing.UNKNOWN)
    assert "nothing to stop" in supervise.stop(attempt).words


@pytest.mark.parametrize("how", ["killed", "hung up"])
def test_the_console_dies_and_the_command_does_not(attempt: Path, how: str) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom devora_console.cutover import supervise\n"
        "folder = Path(sys.argv[1])\n"
        "wait = f'while ! test -e {folder}/go; do sleep .05; done; echo on'\n"
        "supervise.start(folder, supervise.Spec(['sh', '-c', wait]))\n"
        "print('started', flush=True)\ntime.sleep(60)\n"
    )
    console = subprocess.Popen(
        [sys.executable, "-c", code, str(attempt)], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert console.stdout
    assert console.stdout.readline() == "started\n"
    if how == "killed":
        console.kill()
    else:
        os.killpg(console.pid, signal.SIGHUP)
    console.communicate()
    assert look(attempt, BOOT).standing is Standing.RUNNING
    (attempt / "go").touch()
    assert ended(attempt).rc == 0
    assert said(attempt) == b"on\n"


def test_hanging_up_the_whole_session_ends_nothing(attempt: Path) -> None:
    who = started(attempt, "sh", "-c", f"while ! test -e {attempt}/go; do sleep .05; done; echo on")
    os.kill(who.shim, signal.SIGHUP)
    os.killpg(who.pid, signal.SIGHUP)
    os.kill(who.shim, signal.SIGTERM)  # a machine that goes down asks everybody; the shim has to see the end
    assert look(attempt, BOOT).standing is Standing.RUNNING
    (attempt / "go").touch()
    assert ended(attempt).rc == 0


def test_after_a_restart_of_the_machine_nothing_is_known(attempt: Path) -> None:
    started(attempt, "sleep", "60")
    seen = look(attempt, "another boot")
    assert seen.standing is Standing.UNKNOWN
    assert "restarted" in seen.reason
    assert look(attempt, BOOT, "another boot").standing is Standing.UNKNOWN
    supervise.stop(attempt)
    ended(attempt)
    assert look(attempt, "another boot").standing is Standing.ENDED  # what was written down stays true


def test_an_end_between_two_looks_is_not_missed(attempt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(attempt, "true")
    ended(attempt)
    (attempt / "result.json").rename(attempt / "later")

    def ends_meanwhile(path: Path) -> bool:
        (attempt / "later").rename(attempt / "result.json")
        return False

    monkeypatch.setattr("devora_console.cutover.attempt.held", ends_meanwhile)
    assert look(attempt, BOOT).standing is Standing.ENDED


def test_a_driver_that_dies_lets_another_one_drive_while_its_step_runs(begin: Begin) -> None:
    journal = begin()
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom devora_console.cutover import supervise\n"
        "from devora_console.cutover.events import Kind\n"
        "from devora_console.cutover.journal import home\n"
        "from devora_console.cutover.journal.store import Journal\n"
        "journal = Journal.open(Path(sys.argv[1]), 'bob')\ntoken = journal.take_driver('bob')\n"
        "journal.append(Kind.INTENT, {}, step='first', attempt=1, token=token)\n"
        "folder = home.make_attempt_folder(journal.folder, 'first', 1)\n"
        "who = supervise.start(folder, supervise.Spec(['sleep', '60']))\n"
        "journal.append(Kind.STARTED, who.payload(), step='first', attempt=1, token=token)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(journal.folder)], check=False)
    assert done.returncode == -signal.SIGKILL
    token = journal.take_driver("ana")
    step = journal.state().step("first")
    (tried,) = step.attempts
    folder = home.attempt_folder(journal.folder, "first", tried.number)
    seen = look(folder, tried.boot)
    assert (token, step.state, seen.standing) == (2, StepState.RUNNING, Standing.RUNNING)
    assert seen.started
    assert (tried.pid, tried.pid_start) == (seen.started.pid, seen.started.pid_start)
    assert supervise.stop(folder).gone
    said = ended(folder).payload(ingested=True)
    journal.append(Kind.EXITED, said, step="first", attempt=1, token=token)
    assert journal.state().step("first").attempts[0].signal == signal.SIGTERM
    assert verify(journal.folder) == Verified(6, 1, journal.events()[-1].hash, True, ())


def test_a_console_that_dies_before_the_secrets_are_told_starts_nothing(attempt: Path) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    (attempt / "spec.json").write_text('{"argv": ["touch", "never"], "cwd": null, "output_limit_bytes": 9}')
    argv = [sys.executable, "-I", "-S", supervise._PROGRAM, str(attempt), str(reader)]
    done = subprocess.run(argv, pass_fds=(reader,), capture_output=True, check=False)
    os.close(reader)
    assert done.returncode == NOT_STARTED
    assert sorted(path.name for path in attempt.iterdir()) == ["spec.json"]


# --- what it leaves behind --------------------------------------------------------------------------

_DAEMON = (
    "import os, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid(); print('daemon', os.getpid(), flush=True)\n"
    "    for n in range(3000):\n"
    "        time.sleep(.02); print('x' * 65535, flush=True); open('{0}/beats', 'a').write('.')\n"
    "time.sleep(.3)\n"
)


def test_a_daemon_that_holds_the_lock_and_the_pipe_hinders_nothing(attempt: Path, quick: None) -> None:
    who = started(attempt, *python(_DAEMON.format(attempt)))
    result = ended(attempt)
    assert result.rc == 0
    daemon = int(said(attempt).split()[1])
    try:
        assert held(attempt / "alive.lock")
        assert not is_gone(daemon)
        assert "nothing to stop" in supervise.stop(attempt).words
        # What it prints is still read, if not kept: more than the pipe holds.
        beats = (attempt / "beats").stat().st_size
        assert eventually(lambda: (attempt / "beats").stat().st_size > beats + 40, SECONDS)
        assert result.out_bytes == len(said(attempt))
    finally:
        os.kill(daemon, signal.SIGKILL)
    assert eventually(lambda: is_gone(who.shim))


def test_a_daemon_is_not_taken_for_the_command(attempt: Path) -> None:
    who = started(attempt, *python(_DAEMON.format(attempt).replace("time.sleep(.3)", "time.sleep(60)")))
    assert eventually(lambda: len(said(attempt).split()) > 1)
    daemon = int(said(attempt).split()[1])
    try:
        os.kill(who.shim, signal.SIGKILL)
        os.kill(who.pid, signal.SIGKILL)
        assert eventually(lambda: look(attempt, BOOT).standing is Standing.UNKNOWN)
        assert "still runs" in look(attempt, BOOT).reason
    finally:
        os.kill(daemon, signal.SIGKILL)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shim that waits for a tenth of the time."""
    source = Path(supervise._PROGRAM)
    text = source.read_text("utf-8").replace("GRACE_SECONDS = 10.0", "GRACE_SECONDS = 0.5")
    (tmp_path / "shim.py").write_text(text.replace("DRAIN_SECONDS = 2.0", "DRAIN_SECONDS = 0.2"), "utf-8")
    (tmp_path / "apart").symlink_to(source.parent / "apart")
    monkeypatch.setattr(supervise, "_PROGRAM", str(tmp_path / "shim.py"))


_STUBBORN = "trap '' TERM; echo ready; while true; do sleep .1; done"


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("echo ready; sleep 60", signal.SIGTERM),
        (_STUBBORN, signal.SIGKILL),
        (f"({_STUBBORN}) & echo ready; sleep 60", signal.SIGTERM),
        ("echo ready; kill -STOP $$; sleep 60", signal.SIGTERM),
    ],
    ids=["plain", "ignores", "its child ignores", "stopped"],
)
def test_what_takes_too_long_is_ended_with_all_its_group(
    attempt: Path, quick: None, code: str, number: signal.Signals
) -> None:
    who = started(attempt, "sh", "-c", code, timeout_seconds=0.5)
    result = ended(attempt)
    assert (result.timed_out, result.rc, result.signal) == (True, None, number)
    assert b"ready" in said(attempt)
    assert eventually(lambda: machine.group(who.pid, who.session) == [])  # the kernel takes a moment to bury the dead


def test_stopping_asks_first_and_then_kills(attempt: Path) -> None:
    who = started(attempt, "sh", "-c", f"({_STUBBORN}) & {_STUBBORN}")
    assert eventually(lambda: said(attempt).count(b"ready") == 2)
    assert supervise.stop(attempt, grace=0.2).words.startswith("killed")
    assert ended(attempt).signal == signal.SIGKILL
    assert machine.group(who.pid, who.session) == []
    assert supervise.stop(attempt) == Stopped(True, "nothing to stop: it has ended")


def test_a_number_that_somebody_else_got_is_never_signalled(attempt: Path) -> None:
    other = subprocess.Popen(python("import time; time.sleep(60)"), process_group=0)
    session = os.getsid(other.pid)
    try:
        for wrong in ({"pid_start": 1.0}, {"boot_id": "another"}, {"session": 1}):
            said: dict[str, object] = {"shim": 1, "shim_start": 1.0, "pid": other.pid, "session": session}
            said |= {"pid_start": machine.start_time(other.pid), "boot_id": BOOT} | wrong
            put(str(attempt), "pid.json", said)
            assert "nothing to stop" in supervise.stop(attempt, grace=0).words
            assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        (attempt / "pid.json").unlink()


# --- output -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_a_flood_is_kept_up_to_the_limit(attempt: Path, size: int) -> None:
    code = f"import os\nfor n in range({size} * 16): os.write(1, b'%07d\\n' % n * 8192)\nprint('the end')"
    started(attempt, *python(code), output_limit_bytes=2_000_000)
    result = ended(attempt)
    out = said(attempt)
    assert result.rc == 0
    assert len(out) == result.out_bytes <= 2_000_000
    assert hashlib.sha256(out).hexdigest() == result.out_sha
    assert out.startswith(b"0000000\n")
    assert out.endswith(b"the end\n")
    marker = f"\n[devora-console: {result.dropped_bytes} bytes were left out here]\n".encode()
    assert marker in out
    assert result.out_bytes - len(marker) + result.dropped_bytes == size * 1024 * 1024 + len("the end\n")


@pytest.mark.parametrize("size", [1, pytest.param(50, marks=pytest.mark.slow)])
def test_a_line_without_end_takes_no_memory(attempt: Path, size: int) -> None:
    code = f"import os, time\nfor n in range({size} * 16): os.write(1, b'y' * 65536)\ntime.sleep(60)"
    who = started(attempt, *python(code), secrets=[Secret("yyyyyyyyyz")])
    # What may be the beginning of a secret is waited for.
    whole = size * 1024 * 1024 - len("yyyyyyyyy")
    assert eventually(lambda: (attempt / "out.raw").stat().st_size == whole, SECONDS)
    peak = next(line for line in Path(f"/proc/{who.shim}/status").read_text().splitlines() if "VmHWM" in line)
    assert int(peak.split()[1]) < 40_000
    assert supervise.last_lines(attempt, 2, width=20) == ("y" * 20 + "…",)
    supervise.stop(attempt)
    assert ended(attempt).out_bytes == size * 1024 * 1024


def test_secrets_are_cut_out_wherever_they_are_cut(attempt: Path) -> None:
    secret, other = "s3cret-wörd", "scratch-pw-1"
    code = (
        "import os, time, urllib.parse\ns = os.environ['TOP_SECRET'].encode()\n"
        "for n in range(len(s)): os.write(1, s[:n]); time.sleep(.005); os.write(1, s[n:] + b'|')\n"
        "os.write(1, urllib.parse.quote(s).encode() + b'|' + os.environ['POSTGRES_DSN'].encode())\n"
        "os.write(1, b'x' * 65530 + s + b'|\\xff\\xfe|' + s[:-1])"
    )
    env = {**os.environ, "TOP_SECRET": secret, "POSTGRES_DSN": f"postgresql://ana:{other}@h/db"}
    started(attempt, *python(code), secrets=[Secret(secret)], env=env)
    ended(attempt)
    count = len(secret.encode())
    expected = b"***|" * count + b"***|postgresql://ana:***@h/db" + b"x" * 65530
    assert said(attempt) == expected + b"***|\xff\xfe|" + secret.encode()[:-1]
    for path in attempt.iterdir():
        kept = path.read_bytes()
        assert secret.encode() not in kept
        assert other.encode() not in kept


def test_a_secret_in_the_command_is_refused_before_anything_is_written(attempt: Path) -> None:
    with pytest.raises(ConsoleError, match="word 2 of the command psql") as refusal:
        supervise.start(attempt, Spec(["psql", "password=hunter-2222"]), [Secret("hunter-2222")])
    assert refusal.value.exit_code == 4
    assert "hunter" not in str(refusal.value)
    assert list(attempt.iterdir()) == []


def test_a_full_disk_is_told_by_the_result(attempt: Path) -> None:
    # A limit of the size of files stands for a full disk: it is inherited, and lifted for nobody.
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom devora_console.cutover import supervise\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "supervise.start(Path(sys.argv[1]), supervise.Spec(['sh', '-c', 'head -c 100000 /dev/zero; exit 3']))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(attempt)], check=True)
    result = ended(attempt)
    assert (result.rc, result.out_bytes, result.dropped_bytes) == (3, 8192, 100_000 - 8192)
    assert result.error == "File too large"


def test_a_disk_that_is_full_before_starts_nothing(attempt: Path) -> None:
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom devora_console.cutover import supervise\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    supervise.start(Path(sys.argv[1]), supervise.Spec(['true'], 'x' * int(sys.argv[2])), env={})\n"
        "except supervise.NotStarted as error:\n    print(error)\n"
    )
    for size in ("1", "5000"):  # the shim finds out, and the console itself
        done = subprocess.run(
            [sys.executable, "-c", code, str(attempt), size], capture_output=True, text=True, check=True
        )
        assert "nothing was started in" in done.stdout
        assert "File too large" in done.stdout
        assert look(attempt, BOOT).standing is Standing.UNKNOWN
        for path in attempt.iterdir():
            path.unlink()


def test_a_shim_that_does_not_report_leaves_it_unknown(attempt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_PATIENCE", 0.2)
    (attempt / "slow.py").write_text("import time\ntime.sleep(0.5)\n")
    monkeypatch.setattr(supervise, "_PROGRAM", str(attempt / "slow.py"))
    assert isinstance(supervise.start(attempt, Spec(["true"])), Unknown)


def test_the_shim_loads_nothing_of_the_console(attempt: Path) -> None:
    argv = [sys.executable, "-I", "-S", "-X", "importtime", supervise._PROGRAM, str(attempt), "99"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "apart" in loaded
    assert not loaded & {"devora_console", "pydantic", "subprocess", "asyncio", "typing", "dataclasses"}
