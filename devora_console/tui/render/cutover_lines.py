"""The lines under a cutover's list: what is waited for, output, the way back, window, driver, votes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from devora_console.core.clock import span
from devora_console.core.console import Verdict
from devora_console.cutover.outbox import told_words
from devora_console.cutover.snapshot import CutoverSnapshot
from devora_console.cutover.state import ENDED, Run, RunState
from devora_console.cutover.undo import How, RollbackPlan, WayBack
from devora_console.tui.render.look import Look


def waits_line(seen: CutoverSnapshot, object_key: str, width: int, look: Look) -> str:
    """The poll with its countdown, or what the current step waits for, or its latest probe."""
    words = ""
    if seen.poll is not None:
        poll = seen.poll
        words = f"any strong objections? GO for {poll.scope} in {math.ceil(poll.seconds_left)}s, {object_key} objects"
        words += f"; {poll.people}" if poll.people else ""
    elif seen.measuring:
        words = f"{look.plain('…')} measuring gates"
    elif seen.waits_for:
        words = f"waits for {seen.waits_for}"
    else:
        line = seen.step(seen.current) if seen.current else None
        probes = list(line.standing.probes.values()) if line is not None and line.standing else []
        if probes:
            latest = max(probes, key=lambda each: each.at)
            sign = look.sign(latest.verdict)
            words = f"probe {latest.id} {sign} {latest.verdict.value}: {latest.value} (needed: {latest.needed})"
    return look.fit(look.text(words, 400), width - 2)


def output_lines(output: Sequence[str], count: int, width: int, look: Look) -> str:
    """The last lines that the current step printed."""
    sign = look.plain("▸")
    kept = [each for each in output if each.strip()][-count:] if count > 0 else []
    return "\n".join(look.fit(f"{sign} {look.text(each, 4 * width)}", width - 2) for each in kept)


def back_line(seen: CutoverSnapshot, width: int, look: Look) -> str:
    """The rollback plan in one line: how long, which steps, who."""
    run, plan = seen.run, seen.rollback
    if run is not None and run.state in ENDED and plan is None:
        return ""
    if run is None or plan is None:
        return look.fit(_whole_way(seen), width - 2)
    if run.state is RunState.ROLLING_BACK:
        words = f"still to go back: {_ways(plan, look) or 'nothing'}"
    elif plan.past:
        words = f"past the point of no return: going back loses writes and needs {plan.people} people"
    elif not plan.acts:
        words = "back now: nothing has to be taken back"
    else:
        words = f"back now: {_ways(plan, look)}"
    return look.fit(look.text(words, 400), width - 2)


def _ways(plan: RollbackPlan, look: Look) -> str:
    if not plan.acts:
        return ""
    numbers = [f"{each.number}{' by hand' if each.how is How.PERSON else ''}" for each in plan.acts]
    return f"{span(plan.eta.p50)} (undo {', '.join(numbers)})"


def _whole_way(seen: CutoverSnapshot) -> str:
    ways: Sequence[WayBack] = seen.plan.rollback if seen.plan is not None else ()
    acts = [each for each in ways if each.how is not How.NOTHING]
    if not acts or seen.window is None:
        return ""
    return f"back from before the point of no return: {span(seen.window.rollback.p50)} ({len(acts)} steps)"


def window_line(seen: CutoverSnapshot, width: int, look: Look) -> tuple[str, str]:
    """The window, who drives, and votes; with the style of a window that is too short."""
    run = seen.run
    parts: list[str] = []
    style = ""
    if seen.window is not None and not (run is not None and run.state in ENDED):
        words, fits = _window(seen, run)
        parts.append(words if fits else look.state(Verdict.WARN, words))
        style = "" if fits else look.style(Verdict.WARN)
    if run is not None and run.state not in ENDED:
        parts.append(_driver(seen))
        parts.append(_votes(run))
    parts += [told_words(each) for each in seen.told if each.reason or each.given_up]
    return look.fit(look.plain(" · ").join(look.text(each, 200) for each in parts if each), width - 2), style


def _window(seen: CutoverSnapshot, run: Run | None) -> tuple[str, bool]:
    window = seen.window
    assert window is not None
    ends = f"window ends {window.ends:%H:%MZ}"
    if run is None or not window.begun:
        if window.fits:
            return f"{ends}, last safe start {window.last_safe_start:%H:%MZ}", True
        return f"{ends}, too short by {span(-window.spare_seconds)}", False
    if run.state is RunState.ROLLING_BACK or (seen.rollback is not None and seen.rollback.past):
        left = window.seconds
        return (f"{ends}, in {span(left)}", True) if left >= 0 else (f"window over for {span(-left)}", False)
    if window.fits:
        return f"{ends}, {span(window.spare_seconds)} to spare", True
    return f"{ends}, too short by {span(-window.spare_seconds)} for the rest and back", False


def _driver(seen: CutoverSnapshot) -> str:
    if seen.driving:
        return "driven from here"
    return f"watching, driven by {driver_name(seen)}" if seen.driver else "nobody drives"


def driver_name(seen: CutoverSnapshot) -> str:
    """Who drives, without since when and as which process."""
    return seen.driver.partition(",")[0]


def _votes(run: Run) -> str:
    objections = [each.actor for each in run.votes if each.vote != "go"]
    if objections:
        return f"against: {', '.join(dict.fromkeys(objections))}"
    people = dict.fromkeys(each.actor for each in run.votes)
    return f"go: {', '.join(people)}" if people else ""
