"""A run in text: headline, gates, steps, way back."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.core.safetext import one_line
from devora_console.cutover.gating import GateLine
from devora_console.cutover.headline import headline
from devora_console.cutover.outbox import told_words
from devora_console.cutover.snapshot import CutoverSnapshot, StepLine, verdict_of_step
from devora_console.cutover.window import Window

SIGNS = {
    Verdict.OK: "✓",
    Verdict.WARN: "!",
    Verdict.FAIL: "✗",
    Verdict.UNKNOWN: "?",
    Verdict.RUNNING: "…",
    Verdict.PAUSED: "‖",
    Verdict.STALE: "◌",
    Verdict.NONE: " ",
}


def print_run(out: Console, seen: CutoverSnapshot) -> None:
    """Everything there is to say about where a run stands."""
    _say(out, headline(seen))
    if seen.run is not None:
        who = f"driven by {seen.driver}" if seen.driver else "nobody drives it"
        _say(out, f"run {seen.run.id} · {seen.run.mode.value} · {seen.run.environment} · {who}")
    print_gates(out, seen.gates)
    _say(out, "")
    for line in seen.steps:
        if line.planned.point_of_no_return:
            _say(out, "  ════ point of no return: needs a GO of its own ════")
        _step(out, line)
    if seen.rollback is not None and seen.rollback.acts:
        steps = ", ".join(str(each.number) for each in seen.rollback.acts)
        _say(out, f"\nback now: about {span(seen.rollback.eta.p95)} (undo {steps})")
        if seen.rollback.plan_b:
            _say(out, seen.rollback.plan_b)
    if seen.window is not None:
        _say(out, _window(seen, seen.window))
    for each in seen.told:
        _say(out, told_words(each))


def _window(seen: CutoverSnapshot, window: Window) -> str:
    ends = f"window until {window.ends:%H:%MZ}"
    late = "" if window.fits else ": too late to go all the way and back"
    if not window.begun:
        return f"{ends}, last safe start {window.last_safe_start:%H:%MZ}{late}"
    if seen.rollback is not None and seen.rollback.past:
        return f"{ends}; past the point of no return nothing has to fit into it"
    left = f"{span(window.forward.p95)} forward and {span(window.rollback.p95)} back are left"
    return f"{ends}; {left}, safe to go on until {window.last_safe_start:%H:%MZ}{late}"


def print_gates(out: Console, gates: tuple[GateLine, ...]) -> None:
    """The checklist."""
    if gates:
        _say(out, "")
    for each in gates:
        kind = "attested" if each.attested else "measured"
        age = "" if each.age_seconds is None else f", {span(each.age_seconds)} ago"
        item = f" (7.1 item {each.item})" if each.item else ""
        _say(
            out,
            f"{SIGNS[each.verdict]} {each.verdict.value:<8} {kind}  {each.id}{item}: {one_line(each.value, 300)}{age}",
        )
        if each.waiver:
            _say(out, f"             waived by {each.waived_by}: {one_line(each.waiver, 300)}")
        elif each.verdict is not Verdict.OK and each.remedy:
            _say(out, f"             → {one_line(each.remedy, 300)}")


def _step(out: Console, line: StepLine) -> None:
    standing = line.standing
    took = f" {span(standing.seconds)}" if standing is not None and standing.seconds is not None else ""
    going = f" for {span(line.going_seconds)}" if line.going_seconds is not None else ""
    reason = f": {one_line(standing.reason, 300)}" if standing is not None and standing.reason else ""
    sign = SIGNS[verdict_of_step(line.state)]
    state = f"{line.state.value}{going}{took}{reason}"
    _say(out, f"{sign} {line.planned.number:>2} {one_line(line.planned.title, 60)} · {state}")


def _say(out: Console, words: str) -> None:
    out.print(Text(words))
