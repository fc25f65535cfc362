"""Gates about the walk itself: was it rehearsed, do the site's tests pass, does the watching answer?

What is known elsewhere is given as a callable: the cutover knows no other domain.
"""

from __future__ import annotations

import http.client
import shlex
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from devora_console.config.secret import Secret
from devora_console.core.clock import iso, span
from devora_console.core.console import Verdict
from devora_console.core.gates import Gate, Measurement, not_known
from devora_console.core.hanging import may_hang
from devora_console.core.safetext import one_line
from devora_console.core.unknown import Unknown
from devora_console.cutover.model import GateUse, Runbook, Step, StepKind
from devora_console.cutover.state import Run, RunMode, StepStanding, StepState
from devora_console.cutover.trial import Trial, tried

REHEARSAL_TTL = timedelta(days=30)
TESTS_TTL = timedelta(hours=24)
TESTS_SECONDS = 30 * 60.0
_URL_SECONDS = 10.0


def rehearsed_gate(runs: Callable[[], Iterable[Run]], runbook: Runbook, environment: str) -> Gate:
    """``migration.rehearsed``: ``runs`` gives every run that is known, as its journal tells it. It may block."""
    last = runbook.point_of_no_return
    until = f"up to the point of no return ({last.id})" if last else "to its end"
    threshold = f"all steps passed {until}, rehearsed or in another environment, within {REHEARSAL_TTL.days} days"

    async def measure() -> Measurement:
        try:
            known = await may_hang(lambda: list(runs()), 60)
        except (OSError, TimeoutError) as error:
            said = one_line(str(error)) or "no answer"
            return not_known(Unknown(f"the journals cannot be read: {said}", "Mend that, then look again"), threshold)
        return rehearsed(known, runbook, environment, threshold)

    about = "A run counts for the very runbook that it followed: the hash of the file is the same."
    return Gate("migration.rehearsed", "Rehearsed with this runbook", about, REHEARSAL_TTL, measure, item=2)


def rehearsed(runs: Iterable[Run], runbook: Runbook, environment: str, threshold: str = "") -> Measurement:
    """Whether one of these runs is a rehearsal of this runbook. The newest one that is counts."""
    remedy = "devora-console cutover run --rehearsal"
    known = sorted(runs, key=lambda run: run.last_at, reverse=True)
    trials = [run for run in known if run.mode is RunMode.REHEARSAL or run.environment != environment]
    same = [run for run in trials if run.sha == runbook.sha]
    steps = _before_no_return(runbook)
    for run in same:
        if any(_lacks(run, step) for step in steps) or _shut(run, runbook):
            continue
        took = sum(each.seconds for each in run.steps if each.seconds is not None)
        kind = "rehearsal" if run.mode is RunMode.REHEARSAL else "real run"
        value = f"{kind} in {one_line(run.environment, 40)}, {iso(run.last_at)}, its steps took {span(took)}"
        newer = same.index(run)
        why = f"Run {run.id}: {len(steps)} steps passed, or were left out as the runbook says."
        silent = [each.id for each in _gates(run, runbook) if run.gates[each.id].verdict is Verdict.UNKNOWN]
        value += f"; not found out there: {', '.join(silent)}" if silent else ""
        why += f" {newer} newer of this runbook did not get so far." if newer else ""
        evidence: dict[str, object] = {"run": run.id, "sha": run.sha, "seconds": took, "environment": run.environment}
        return Measurement(Verdict.OK, value, threshold, why, true_at=run.last_at, evidence=evidence)
    if same:
        newest = same[0]
        lacks = next(filter(None, (_lacks(newest, step) for step in steps)), "") or _shut(newest, runbook)
        value = f"the rehearsal of {iso(newest.last_at)} did not pass: {lacks}"
        return Measurement(Verdict.FAIL, value, threshold, f"Run {newest.id}.", remedy, evidence={"run": newest.id})
    if trials:
        newest = trials[0]
        reason = (
            f"the runbook has changed since the last rehearsal, {iso(newest.last_at)}: that was of {newest.sha[:12]}, "
            f"this is {runbook.sha[:12]}"
        )
        return not_known(Unknown(reason, remedy), threshold)
    reason = "no rehearsal is known here" if not known else "it was walked here only for real, which is no rehearsal"
    return not_known(Unknown(reason, remedy), threshold)


def _before_no_return(runbook: Runbook) -> list[Step]:
    """What has to have passed: the steps before the one after which there is no way back, or all of them."""
    last = runbook.point_of_no_return
    return list(runbook.steps[: runbook.steps.index(last)] if last else runbook.steps)


def _gates(run: Run, runbook: Runbook) -> list[GateUse]:
    """The gates that a rehearsal measures right before its steps, up to the one past which there is no way back."""
    if run.mode is not RunMode.REHEARSAL:
        return []
    last = runbook.point_of_no_return
    phases = {each.id for each in _before_no_return(runbook)} | ({last.id} if last else set())
    return [each for each in runbook.gates if each.phase in phases and each.rehearsal and not each.attested]


def _shut(run: Run, runbook: Runbook) -> str:
    """The gate that keeps a rehearsal from counting, in words: silence is not an answer."""
    for use in _gates(run, runbook):
        seen = run.gates.get(use.id)
        if seen is None or seen.measured_at is None:
            return f"gate {use.id} before {use.phase} was not measured"
        if seen.verdict is Verdict.FAIL and not seen.waiver:
            return f"gate {use.id} before {use.phase} is {seen.verdict.value}: {one_line(seen.value, 120)}"
    return ""


def _lacks(run: Run, step: Step) -> str:
    """What keeps this step of the run from counting, in words; empty when nothing does."""
    standing = next((each for each in run.steps if each.id == step.id), StepStanding(step.id))
    if standing.passed or standing.state is StepState.PASSED:
        return ""
    planned = run.mode is RunMode.REHEARSAL and step.rehearsal.how == "skip"
    if planned and standing.state is StepState.SKIPPED:
        return ""
    if step.kind is StepKind.COMMAND and standing.state is StepState.SKIPPED:
        return f"{step.id} was skipped by {standing.by or 'somebody'}"
    return f"{step.id} is {standing.state.value}"


def site_tests_gate(command: str, secrets: tuple[Secret, ...] = (), seconds: float = TESTS_SECONDS) -> Gate:
    """``tests.passed``: the site's own tests, ``command`` as a shell would split it. Empty: none is configured."""
    threshold = f"exit code 0 within {span(seconds)}"

    async def measure() -> Measurement:
        try:
            argv = shlex.split(command)
        except ValueError as error:
            return not_known(Unknown(f"cutover.vars.tests: {error}", "Mend its quotes"), threshold)
        if not argv:
            remedy = "Set tests in [cutover.vars] to their command, or have the runbook ask a person"
            return not_known(Unknown("no tests are configured", remedy), threshold)
        return _tests(await tried(argv, seconds, secrets), argv[0], threshold, seconds)

    about = "The command that is configured for the site's tests is run, in a process group of its own."
    return Gate("tests.passed", "All tests pass", about, TESTS_TTL, measure, item=3)


def _tests(trial: Trial | Unknown, program: str, threshold: str, seconds: float) -> Measurement:
    if isinstance(trial, Unknown):
        return not_known(trial, threshold)
    name = one_line(program, 80)
    evidence: dict[str, object] = {"exit_code": trial.code, "seconds": round(trial.seconds, 1), "output": trial.tail}
    why = f"{name} wrote {trial.bytes} bytes" + (f", at the end: {trial.last_line}" if trial.last_line else "")
    if trial.timed_out:
        value = f"{name} was not done after {span(seconds)} and was ended"
    elif trial.code < 0:
        value = f"{name} was ended by signal {-trial.code} after {span(trial.seconds)}"
    else:
        value = f"{name} exited with {trial.code} after {span(trial.seconds)}"
    passed = trial.code == 0 and not trial.timed_out
    remedy = "" if passed else "Run it by hand and mend what fails"
    return Measurement(Verdict.OK if passed else Verdict.FAIL, value, threshold, why, remedy, evidence=evidence)


def monitoring_gate(watching: Callable[[], Awaitable[Measurement]], urls: str) -> Gate:
    """``monitoring.answers``: ``watching`` looks at PostgreSQL, ``urls`` (apart by spaces) each answer with 200."""
    threshold = "PostgreSQL can be watched, and each monitoring_url answers 200"

    async def measure() -> Measurement:
        server = await watching()
        answers = [await _answer(url) for url in urls.split()]
        seen = server.why if server.verdict is Verdict.UNKNOWN else server.value
        value = "; ".join([seen, *(words for _, words in answers)])
        remedy = server.remedy
        verdicts = [server.verdict, *(verdict for verdict, _ in answers)]
        verdict = next((bad for bad in (Verdict.FAIL, Verdict.UNKNOWN) if bad in verdicts), Verdict.OK)
        if not remedy and verdict is not Verdict.OK:
            remedy = "Start it, or correct monitoring_url in [cutover.vars]"
        if not answers:
            value += "; no other watching is configured"
            hint = "Set monitoring_url in [cutover.vars] to an address of PostHog, Sentry, ..."
            remedy = "; ".join(filter(None, (remedy, hint))) if verdict is Verdict.UNKNOWN else remedy
        why = (
            f"Looked at pg_stat_statements as the configured role, and at {len(answers)} addresses; no redirect counts."
        )
        return Measurement(verdict, value, threshold, why, remedy, evidence=dict(server.evidence))

    about = (
        "After the switch somebody has to see what happens: with the console, and whatever else the team watches with."
    )
    return Gate("monitoring.answers", "Monitoring answers", about, timedelta(minutes=10), measure, item=6)


async def _answer(url: str) -> tuple[Verdict, str]:
    """What an address says, in words without the parts of it that may be secret."""
    try:
        parts = urlsplit(url)
        shown = one_line(f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}", 120)
    except ValueError:
        return Verdict.UNKNOWN, "monitoring_url is no address"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Verdict.UNKNOWN, f"{shown} is no http address"
    try:
        status = await may_hang(lambda: _status(parts), _URL_SECONDS * 2)
    except (OSError, http.client.HTTPException) as error:
        said = "no answer in time" if isinstance(error, TimeoutError) else one_line(str(error), 80)
        return Verdict.FAIL, f"{shown}: {said or type(error).__name__}"
    return (Verdict.OK if status == http.client.OK else Verdict.FAIL), f"{shown} answers {status}"


def _status(parts: SplitResult) -> int:
    """The status of one GET, wherever it would lead on to: a page that asks to log in is no answer."""
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    assert parts.hostname is not None
    connection = make(parts.hostname, parts.port, timeout=_URL_SECONDS)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"User-Agent": "devora-console", "Accept": "*/*"})
        return connection.getresponse().status
    finally:
        connection.close()
