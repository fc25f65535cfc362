"""Starting and ending the site's processes, by the script. Call with the site's lock held."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from devora_console.core.problems import ConsoleError, ExitCode
from devora_console.core.safetext import one_line
from devora_console.demo.child import Child, spawn
from devora_console.demo.processes import alive, end_process
from devora_console.demo.site.place import INSTANCES, Place, try_lock
from devora_console.demo.site.service import TAKEN, WORD
from devora_console.demo.site.web import FAILURES, ask

_ENDING = ((signal.SIGTERM, 8.0), (signal.SIGKILL, 3.0))
READY_SECONDS = 30.0
"""How long a process is waited for, unless told otherwise."""
_ATTEMPTS = 4
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE", "COVERAGE_FILE")


@dataclass(slots=True)
class Starting:
    """A process that was started and may not answer yet."""

    name: str
    environment: Mapping[str, str]
    word: str
    children: list[Child] = field(default_factory=list)


def failed(code: str, message: str, remedy: str = "") -> ConsoleError:
    """The site is not as it was to be (exit 1)."""
    return ConsoleError.of(ExitCode.NEGATIVE, f"site.{code}", message, remedy)


def living(place: Place, name: str) -> int | None:
    """The process id of a service that runs."""
    run = place.run(name)
    return run.mark.pid if run is not None and alive(run.mark) else None


def begin(place: Place, name: str, environment: Mapping[str, str] | None = None) -> Starting:
    """Start a service with this environment, and little else of ours. What runs under its name is ended first."""
    end(place, name)
    starting = Starting(name, dict(environment or {}), secrets.token_hex(8))
    module = "app" if name in INSTANCES else name
    given = {key: os.environ[key] for key in _INHERITED if key in os.environ}
    spawn(
        [sys.executable, "-P", "-m", f"devora_console.demo.site.{module}", str(place.folder)]
        + ([name] if name in INSTANCES else []),
        adopt=starting.children.append,
        death_signal=0,  # it outlives this script, and watches the owner of the site by itself
        environment=given | dict(starting.environment) | {WORD: starting.word, "TZ": "UTC"},
        output=place.path(f"{name}.log"),
        directory=place.folder,
    )
    return starting


def finish(place: Place, starting: Starting, seconds: float = READY_SECONDS) -> None:
    """Wait until the very process that was started answers. ConsoleError (exit 1) when it does not, with its words.

    A script that was killed may have left one that came up only now: then that one is ended, and ours started again.
    """
    for _ in range(_ATTEMPTS):
        code = _wait_ready(place, starting, seconds)
        if code is None:
            return
        if code != TAKEN:
            raise failed("ended", f"{starting.name} ended with {code} while it was starting: {_said(place, starting)}")
        starting = begin(place, starting.name, starting.environment)
    raise failed("ended", f"{starting.name} cannot be started: another process takes its place each time")


def end(place: Place, name: str) -> bool:
    """End a service and wait; tells whether it ran. Found by its mark, never by its name.

    Whoever holds the lock serves, or is about to and has not said yet who it is: then we wait for that.
    """
    handle = os.open(place.path(f"{name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        ran, deadline = False, time.monotonic() + 20.0
        while not try_lock(handle):
            ran = True
            run = place.run(name)
            if run is not None and not end_process(run.mark, _ENDING):
                raise failed("left_running", f"{name} (process {run.mark.pid}) cannot be ended", "end it by hand")
            if time.monotonic() > deadline:
                raise failed("left_running", f"something holds {name}.lock and does not say who it is")
            time.sleep(0.02)
        place.path(f"{name}.run.json").unlink(missing_ok=True)
        return ran
    finally:
        os.close(handle)


def _wait_ready(place: Place, starting: Starting, seconds: float) -> int | None:
    """None once it answers, or the exit code it ended with. ConsoleError (exit 1) when it takes too long."""
    deadline, reason = time.monotonic() + seconds, "it does not answer"
    child = starting.children[-1]
    while time.monotonic() < deadline:
        found = _answer(place, starting.name)
        if found is not None and found.get("start") == starting.word:
            if found.get("ok", True):
                return None
            reason = f"its {found.get('backend')} database does not answer ({found.get('reason')})"
        if not child.running:
            return child.process.returncode
        time.sleep(0.03)
    raise failed("not_ready", f"{starting.name} is not ready after {seconds:g} s: {reason}")


def _answer(place: Place, name: str) -> dict[str, object] | None:
    if name == "traffic":
        run = place.run(name)
        return None if run is None else {"start": run.word}
    try:
        return ask(place.url(name) + ("/-/front" if name == "front" else "/health"), timeout=5.0).json()
    except FAILURES:
        return None


def _said(place: Place, starting: Starting) -> str:
    try:
        lines = place.path(f"{starting.name}.log").read_text("utf-8", "replace")[-3000:].splitlines()
    except OSError:
        lines = []
    said = (lines or ["it said nothing"])[-1]
    for value in starting.environment.values():
        said = said.replace(value, "<redacted>") if len(value) > 8 else said
    return one_line(said, 200)
