"""Rehearsal, the site's tests, other watching: condition, verdict, what is said."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from devora_console.config.secret import Secret
from devora_console.core.console import Verdict
from devora_console.core.gates import Measurement, not_known
from devora_console.core.unknown import Unknown
from devora_console.cutover import trial
from devora_console.cutover.gates import monitoring_gate, rehearsed, rehearsed_gate, site_tests_gate
from devora_console.cutover.model import GateUse, Rehearsal, Runbook, Step, StepKind
from devora_console.cutover.state import GateStanding, Run, RunMode, RunState, StepStanding, StepState
from tests.eventually import eventually

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def _step(name: str, **more: Any) -> Step:
    return Step(name, name, StepKind.COMMAND, **more)


_BOOK = Runbook(
    name="big-bang",
    title="",
    strategy="big-bang",
    about="",
    path="",
    text="",
    sha="a" * 64,
    window_minutes=60,
    objection_seconds=0,
    horizon_seconds=600,
    variables={},
    gates=(),
    steps=(
        _step("maintenance", rehearsal=Rehearsal("skip", "would be an outage")),
        _step("copy"),
        _step("open", ponr=True),
        _step("after"),
    ),
)
_GONE = StepStanding("copy", StepState.UNDONE, passed=True, seconds=60.0, touched=True)
_SKIPPED = StepStanding("maintenance", StepState.SKIPPED, by="driver")


def _run(**changes: Any) -> Run:
    """A rehearsal that did what it had to, and undid it."""
    given: dict[str, Any] = {
        "id": "r1",
        "runbook": "big-bang",
        "title": "",
        "sha": _BOOK.sha,
        "text": "",
        "strategy": "big-bang",
        "environment": "production",
        "mode": RunMode.REHEARSAL,
        "created": DAY,
        "window_ends": None,
        "targets": {},
        "variables": {},
        "state": RunState.ROLLED_BACK,
        "reason": "",
        "steps": (_SKIPPED, _GONE, StepStanding("open"), StepStanding("after")),
        "gates": {},
        "votes": (),
        "gone": frozenset(),
        "token": 1,
        "driver": "",
        "notes": (),
        "last_seq": 9,
        "last_at": DAY,
    }
    return Run(**(given | changes))


def _steps(*standings: StepStanding) -> tuple[StepStanding, ...]:
    return (*standings, StepStanding("open"), StepStanding("after"))


_GATED = replace(
    _BOOK,
    sha="c" * 64,
    gates=(
        GateUse("verification.fresh", phase="maintenance"),
        GateUse("source.silent", phase="copy", rehearsal=False),
        GateUse("disk.free"),
        GateUse("statistics.analyzed", phase="after"),
    ),
)


def _measured(verdict: Verdict, **more: Any) -> dict[str, GateStanding]:
    name = "verification.fresh"
    return {name: GateStanding(name, False, verdict, "3 differences", measured_at=DAY, **more)}


_FAILED = replace(_GONE, state=StepState.UNDONE, passed=False)
_PASSED = StepStanding("maintenance", StepState.PASSED, passed=True, seconds=2.0)

REHEARSED: dict[str, tuple[tuple[Run, ...], Verdict, str]] = {
    "never": ((), Verdict.UNKNOWN, "no rehearsal is known here"),
    "rehearsed, then undone": ((_run(),), Verdict.OK, "rehearsal in production, 2026-11-01"),
    "with another version of the runbook": (
        (_run(sha="b" * 64),),
        Verdict.UNKNOWN,
        "the runbook has changed since the last rehearsal",
    ),
    "it failed, and was undone": (
        (_run(steps=_steps(_SKIPPED, _FAILED)),),
        Verdict.FAIL,
        "did not pass: copy is undone",
    ),
    "cut off": ((_run(steps=_steps(_SKIPPED, StepStanding("copy"))),), Verdict.FAIL, "copy is pending"),
    "a person skipped what counts": (
        (_run(steps=_steps(_SKIPPED, replace(_GONE, state=StepState.SKIPPED, passed=False, by="ana"))),),
        Verdict.FAIL,
        "copy was skipped by ana",
    ),
    "real, in staging": (
        (_run(mode=RunMode.REAL, environment="staging", steps=_steps(_PASSED, _GONE)),),
        Verdict.OK,
        "real run in staging",
    ),
    "real in staging, without what a rehearsal may leave out": (
        (_run(mode=RunMode.REAL, environment="staging"),),
        Verdict.FAIL,
        "maintenance was skipped by driver",
    ),
    "real, here": ((_run(mode=RunMode.REAL, steps=_steps(_PASSED, _GONE)),), Verdict.UNKNOWN, "only for real"),
    "a gate before a skipped step was never measured": (
        (_run(sha=_GATED.sha, gates={}),),
        Verdict.FAIL,
        "did not pass: gate verification.fresh before maintenance was not measured",
    ),
    "it failed": (
        (_run(sha=_GATED.sha, gates=_measured(Verdict.FAIL)),),
        Verdict.FAIL,
        "gate verification.fresh before maintenance is fail: 3 differences",
    ),
    "it failed, and was waived": (
        (_run(sha=_GATED.sha, gates=_measured(Verdict.FAIL, waiver="drafts", waived_by="ana")),),
        Verdict.OK,
        "rehearsal in production",
    ),
    "it could not be found out on the scratch target": (
        (_run(sha=_GATED.sha, gates=_measured(Verdict.UNKNOWN)),),
        Verdict.OK,
        "not found out there: verification.fresh",
    ),
    "a good one, and a newer that failed": (
        (_run(), _run(id="r2", last_at=DAY + timedelta(days=1), steps=_steps(_SKIPPED, _FAILED))),
        Verdict.OK,
        "1 newer of this runbook did not get so far",
    ),
}


@pytest.mark.parametrize("case", REHEARSED)
def test_it_was_rehearsed(case: str) -> None:
    runs, verdict, words = REHEARSED[case]
    book = _GATED if runs and runs[0].sha == _GATED.sha else _BOOK
    found = rehearsed(runs, book, "production")
    assert (found.verdict, words in f"{found.value} {found.why}") == (verdict, True), found
    assert (found.true_at is not None) is (verdict is Verdict.OK)


async def test_journals_that_cannot_be_read() -> None:
    def runs() -> list[Run]:
        raise PermissionError(13, "Permission denied")

    found = await rehearsed_gate(runs, _BOOK, "production").measure()
    assert (found.verdict, "Permission denied" in found.why) == (Verdict.UNKNOWN, True)


def _python(code: str) -> str:
    return f"'{sys.executable}' -c '{code}'"


TESTS = {
    "none are configured": ("", Verdict.UNKNOWN, "no tests are configured"),
    "quotes that do not close": ("pytest 'a", Verdict.UNKNOWN, "No closing quotation"),
    "no such program": ("/no/such/tests --all", Verdict.UNKNOWN, "cannot be started: No such file"),
    "they pass": (_python('print("9 passed")'), Verdict.OK, "at the end: 9 passed"),
    "they fail": (_python('print("1 failed"); raise SystemExit(1)'), Verdict.FAIL, "exited with 1"),
    "they are killed": (_python("import os; os.kill(os.getpid(), 9)"), Verdict.FAIL, "was ended by signal 9"),
    "they print what is secret": (_python('print("word-of-honour")'), Verdict.OK, "at the end: ***"),
    "they print a lot": (_python('print("x" * 3000000)'), Verdict.OK, "wrote 3000001 bytes"),
}


@pytest.mark.parametrize("case", TESTS)
async def test_the_sites_tests_pass(case: str) -> None:
    command, verdict, words = TESTS[case]
    found = await site_tests_gate(command, (Secret("word-of-honour"),), 30).measure()
    assert (found.verdict, words in f"{found.value} {found.why}") == (verdict, True), found
    assert "word-of-honour" not in str(found.evidence)


async def test_tests_that_do_not_end_are_ended_with_what_they_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_POLITE_SECONDS", 0.2)
    note = tmp_path / "pid"
    script = tmp_path / "tests.sh"
    script.write_text(f"trap '' TERM\nsleep 300 &\necho $! > {note}\nwait\nsleep 300\n")
    found = await site_tests_gate(f"/bin/sh {script}", (), 0.5).measure()
    assert (found.verdict, "was not done after 0.5s" in found.value) == (Verdict.FAIL, True), found
    child = int(note.read_text())
    assert await asyncio.to_thread(eventually, lambda: not _alive(child))


async def test_tests_that_leave_something_behind_are_not_waited_for() -> None:
    found = await site_tests_gate("/bin/sh -c 'sleep 8 & echo done'", (), 5).measure()
    assert (found.verdict, "at the end: done" in found.why) == (Verdict.OK, True), found


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.partition("?")[0].strip("/"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        pass


@contextmanager
def _site() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


_READS = Measurement(Verdict.OK, "pg_stat_statements tells of 3 statements")
_HIDES = Measurement(Verdict.FAIL, "pg_stat_statements hides 2 of 3 statements", remedy="GRANT")
_LACKS = not_known(Unknown("pg_stat_statements is not loaded", "Load it"))

MONITORING: dict[str, tuple[Measurement, str, Verdict, Callable[[str], str]]] = {
    "PostgreSQL, and nothing else is configured": (
        _READS,
        "",
        Verdict.OK,
        lambda site: "pg_stat_statements tells of 3 statements; no other watching is configured",
    ),
    "nothing at all": (_LACKS, "", Verdict.UNKNOWN, lambda site: "pg_stat_statements is not loaded"),
    "both answer": (_READS, "{}/200?token=abc", Verdict.OK, lambda site: f"{site}/200 answers 200"),
    "a page to log in": (_READS, "{}/302", Verdict.FAIL, lambda site: f"{site}/302 answers 302"),
    "one of two is ill": (_READS, "{0}/200 {0}/503", Verdict.FAIL, lambda site: f"{site}/503 answers 503"),
    "statements are hidden": (_HIDES, "{}/200", Verdict.FAIL, lambda site: "hides 2 of 3"),
    "nobody is there": (_READS, "http://127.0.0.1:1/", Verdict.FAIL, lambda site: "Connection refused"),
    "no address": (_READS, "posthog", Verdict.UNKNOWN, lambda site: "is no http address"),
}


@pytest.mark.parametrize("case", MONITORING)
async def test_monitoring_answers(case: str) -> None:
    server, urls, verdict, words = MONITORING[case]

    async def watching() -> Measurement:
        return server

    with _site() as site:
        found = await monitoring_gate(watching, urls.format(site)).measure()
        assert (found.verdict, words(site) in found.value) == (verdict, True), found
    assert "token" not in str(found)
    assert bool(found.remedy) is (verdict is not Verdict.OK)
